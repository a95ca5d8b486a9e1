<?php

use App\MessageSent;
use Illuminate\Http\Request;
use Illuminate\Support\Facades\Broadcast;
use Illuminate\Support\Facades\Route;

// Events of clients, from Caddy.
Route::post('/socketio', fn (Request $request) => Broadcast::connection()->reply($request));

Route::post('/login', function (Request $request) {
    $users = ['ada' => 'lovelace', 'alan' => 'turing', 'grace' => 'hopper']; // yours are in the database
    $name = (string) $request->input('name');
    abort_unless(isset($users[$name]) && hash_equals($users[$name], (string) $request->input('password')), 401, 'wrong name or password');
    $request->session()->put('name', $name);
    Broadcast::connection()->broadcast(["private-users.$name"], 'notice', ['text' => 'You logged in from another browser.']);

    return ['name' => $name];
});

Route::post('/messages', function (Request $request) {
    abort_unless($request->user(), 401, 'log in first');
    broadcast(new MessageSent($request->user()->name, (string) $request->input('text')))->toOthers();

    return ['status' => 'sent'];
});
