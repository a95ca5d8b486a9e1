<?php

// The users and channels of the application.
const USERS = ['Bearer ada' => ['user_id' => 1, 'user_info' => ['name' => 'Ada']], 'Bearer alan' => ['user_id' => 2, 'user_info' => ['name' => 'Alan']]];
function mayJoin(array $user, string $channel): bool
{
	return $channel !== 'private-orders.' . (3 - $user['user_id']);
}

function callApi(string $path, array $http = []): ?array
{
	return json_decode(file_get_contents('http://' . getenv('ADMIN') . "/socketio/$path", false, stream_context_create(['http' => $http])), true);
}

function membersOf(string $channel, string $without): array
{
	$data = array_column(callApi('sockets?' . http_build_query(['in' => $channel, 'except' => $without])), 'data');
	return array_column(array_column($data, 'user'), null, 'user_id');
}

function subscribe(string $channel, ?array $user, string $id): array
{
	if (!preg_match('/^(private|presence)-/', $channel)) return ['join' => [$channel]];
	if (!$user || !mayJoin($user, $channel)) return ['emit' => [['event' => 'subscription_error', 'args' => [$channel, 403]]]];
	$reply = ['data' => ['user' => $user], 'join' => [$channel]];
	if (!str_starts_with($channel, 'presence-')) return $reply;
	$members = membersOf($channel, $id);
	if (!isset($members[$user['user_id']])) $reply['emit'][] = ['event' => 'presence:joining', 'args' => [$channel, $user], 'to' => [$channel]];
	$members[$user['user_id']] = $user;
	$reply['emit'][] = ['event' => 'presence:subscribed', 'args' => [$channel, array_values($members)]];
	return $reply;
}

function leave(array $channels, array $socket): array
{
	$reply = ['leave' => array_diff($channels, [$socket['id']]), 'emit' => []];
	foreach (preg_grep('/^presence-/', $channels) as $channel) {
		$user = $socket['data']['user'];
		if (isset(membersOf($channel, $socket['id'])[$user['user_id']])) continue;
		$reply['emit'][] = ['event' => 'presence:leaving', 'args' => [$channel, $user], 'to' => [$channel]];
	}
	return $reply;
}

$body = json_decode(file_get_contents('php://input'), true);
if ($_SERVER['REQUEST_URI'] === '/broadcast') {
	$emit = ['to' => [$body['channel']], 'except' => (array) ($body['socket'] ?? []), 'event' => $body['event'], 'args' => [$body['channel'], $body['data']]];
	callApi('emit', ['method' => 'POST', 'header' => 'Content-Type: application/json', 'content' => json_encode($emit)]);
} else {
	[$socket, $channel, $token] = [$body['socket'], $body['args'][0]['channel'] ?? '', $body['args'][0]['auth']['headers']['Authorization'] ?? ''];
	echo json_encode(match ($body['event']) {
		'subscribe' => subscribe($channel, USERS[$token] ?? null, $socket['id']),
		'unsubscribe' => leave(array_intersect([$channel], $socket['rooms']), $socket),
		'disconnecting' => leave($socket['rooms'], $socket),
	});
}
