<?php // Tokens of a language model: each line of the response is a reply, applied as it arrives.
$event = json_decode(file_get_contents('php://input'), true);
header('Content-Type: application/x-ndjson');
while (ob_get_level() > 0) {
    ob_end_flush();
}
foreach (model((string) $event['args'][0]) as $token) {
    reply(['emit' => [['event' => 'token', 'args' => [$token]]]]);
}
reply(['ack' => ['done']]);

// PHP ends the script here when the user has stopped, or has gone.
function reply(array $reply): void
{
    echo json_encode($reply), "\n";
    flush();
}

// Call a real model here; many of them stream their tokens as well.
function model(string $question): Generator
{
    foreach (explode(' ', "You asked: $question A real model would have an answer.") as $word) {
        yield "$word ";
        usleep(20_000);
    }
}
