<?php // The login form ends up here; the session is PHP's own.
$users = require 'users.php';
$name = (string) ($_POST['name'] ?? '');
header('Content-Type: application/json');
if (!password_verify((string) ($_POST['password'] ?? ''), $users[$name] ?? '')) {
    http_response_code(401);
    exit(json_encode(['error' => ['message' => 'wrong name or password']]));
}
session_start(['cookie_httponly' => true, 'cookie_samesite' => 'Lax', 'cookie_secure' => isset($_SERVER['HTTPS']), 'use_strict_mode' => true]);
session_regenerate_id(true);
$_SESSION['name'] = $name;
emit('notice', ['You logged in from another browser.'], ["user:$name"]);
echo '{}';

// Emits at any time, from anywhere in the application.
function emit(string $event, array $args, array $to): void
{
    $api = getenv('SOCKETIO_API') ?: 'http://localhost:2019/socketio';
    file_get_contents("$api/emit", false, stream_context_create(['http' => [
        'method' => 'POST',
        'header' => 'Content-Type: application/json',
        'content' => json_encode(['event' => $event, 'args' => $args, 'to' => $to]),
    ]]));
}
