<?php // Private messages: the application admits users, and chooses the receiver of each message.
$event = json_decode(file_get_contents('php://input'), true);
session_start(['read_and_close' => true]); // with the browser's cookie
[$status, $reply] = $event['type'] === 'connect' ? connect() : privateMessage($event['args'], $event['socket']['data']['name']);
http_response_code($status);
header('Content-Type: application/json');
echo json_encode($reply);

function connect(): array
{
    $name = $_SESSION['name'] ?? null;
    if ($name === null) {
        return [401, ['error' => ['message' => 'log in first']]];
    }
    return [200, [
        'data' => ['name' => $name],
        'join' => ["user:$name"],
        'emit' => [['event' => 'welcome', 'args' => [$name]]],
    ]];
}

// The sender comes from the session, not from the client's event.
function privateMessage(array $args, string $from): array
{
    [$to, $text] = $args + [null, null];
    if (!is_string($to) || !isset((require 'users.php')[$to]) || !is_string($text) || $text === '' || strlen($text) > 8000) {
        return [422, ['error' => ['message' => "expected a user's name and a text"]]];
    }
    return [200, [
        'emit' => [['event' => 'private message', 'args' => [$from, $text], 'to' => ["user:$to"]]],
        'ack' => ['sent'],
    ]];
}
