<?php

namespace App;

use Illuminate\Broadcasting\InteractsWithSockets;
use Illuminate\Broadcasting\PresenceChannel;
use Illuminate\Contracts\Broadcasting\ShouldBroadcastNow;

class MessageSent implements ShouldBroadcastNow
{
    use InteractsWithSockets;

    public function __construct(public string $from, public string $text)
    {
    }

    public function broadcastOn()
    {
        return new PresenceChannel('chat');
    }
}
