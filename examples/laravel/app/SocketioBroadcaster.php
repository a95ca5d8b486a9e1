<?php

namespace App;

use Illuminate\Broadcasting\Broadcasters\Broadcaster;
use Illuminate\Broadcasting\Broadcasters\UsePusherChannelConventions;
use Illuminate\Http\Request;
use Illuminate\Support\Arr;
use Illuminate\Support\Collection;
use Illuminate\Support\Facades\Http;
use Symfony\Component\HttpKernel\Exception\AccessDeniedHttpException;

// The broadcast driver "socketio": Laravel's channels are rooms of Caddy. Echo gets the
// name of the channel as the first argument of each event.
class SocketioBroadcaster extends Broadcaster
{
    use UsePusherChannelConventions;

    public function __construct(private string $url)
    {
    }

    // Emits an event of Laravel's, through Caddy's admin API.
    public function broadcast(array $channels, $event, array $payload = [])
    {
        $except = (array) Arr::pull($payload, 'socket'); // the sender, if it is toOthers()
        Http::post("$this->url/emit", array_map(fn ($channel) => [
            'to' => [$channel], 'except' => $except, 'event' => $event, 'args' => [$channel, $payload],
        ], $this->formatChannels($channels)))->throw();
    }

    // Replies to an event of Echo's, which Caddy has sent.
    public function reply(Request $request): array
    {
        $rooms = array_diff($request->input('socket.rooms'), [$request->input('socket.id')]);

        return match ($request->input('event')) {
            'subscribe' => $this->auth($request),
            'unsubscribe' => $this->leave($request, array_intersect($rooms, [$request->input('args.0.channel')])),
            'disconnecting' => $this->leave($request, $rooms),
        };
    }

    // Decides about a channel, by routes/channels.php.
    public function auth($request)
    {
        $channel = (string) $request->input('args.0.channel');
        if (! $this->isGuardedChannel($channel)) {
            return ['join' => [$channel]];
        }
        $name = $this->normalizeChannelName($channel);
        if (! $this->retrieveUser($request, $name)) {
            throw new AccessDeniedHttpException;
        }

        return $this->verifyUserCanAccessChannel($request, $name);
    }

    public function validAuthenticationResponse($request, $result)
    {
        $channel = $request->input('args.0.channel');
        if (! str_starts_with($channel, 'presence-')) {
            return ['join' => [$channel]];
        }
        $id = $request->user()->getAuthIdentifier();
        $user = ['user_id' => $id, 'user_info' => $result];
        $members = $this->members($channel, $request->input('socket.id'));
        $emits = [];
        if (! $members->has($id)) {
            $emits[] = ['event' => 'presence:joining', 'args' => [$channel, $user], 'to' => [$channel]];
        }
        $emits[] = ['event' => 'presence:subscribed', 'args' => [$channel, $members->put($id, $user)->values()]];

        return ['join' => [$channel], 'data' => [$channel => $user], 'emit' => $emits];
    }

    private function leave(Request $request, array $channels): array
    {
        $emits = [];
        foreach ($channels as $channel) {
            $user = $request->input('socket.data')[$channel] ?? null;
            if ($user && ! $this->members($channel, $request->input('socket.id'))->has($user['user_id'])) {
                $emits[] = ['event' => 'presence:leaving', 'args' => [$channel, $user], 'to' => [$channel]];
            }
        }

        return ['leave' => array_values($channels), 'emit' => $emits];
    }

    // The users in a presence channel, except of one socket. Several tabs of a user are one.
    private function members(string $channel, string $except): Collection
    {
        $sockets = Http::get("$this->url/sockets", ['in' => $channel, 'except' => $except])->throw()->collect();

        return $sockets->map(fn ($socket) => $socket['data'][$channel] ?? null)->filter()->keyBy('user_id');
    }
}
