<?php

use Illuminate\Support\Facades\Broadcast;

Broadcast::channel('users.{name}', fn ($user, string $name) => $user->name === $name);
Broadcast::channel('chat', fn ($user) => ['name' => $user->name]);
