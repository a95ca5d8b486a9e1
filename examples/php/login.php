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
echo '{}';
