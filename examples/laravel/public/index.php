<?php

// The application without the files of `composer create-project laravel/laravel`: it runs
// with the packages of Debian. Yours has its own index.php and configuration.

use App\SocketioBroadcaster;
use Illuminate\Auth\GenericUser;
use Illuminate\Contracts\Debug\ExceptionHandler;
use Illuminate\Contracts\Http\Kernel as HttpKernel;
use Illuminate\Foundation\Application;
use Illuminate\Foundation\Bootstrap\BootProviders;
use Illuminate\Foundation\Bootstrap\HandleExceptions;
use Illuminate\Foundation\Exceptions\Handler;
use Illuminate\Foundation\Http\Kernel;
use Illuminate\Http\Request;
use Illuminate\Support\Facades\Auth;
use Illuminate\Support\Facades\Broadcast;
use Illuminate\Support\Facades\Facade;
use Illuminate\Support\Facades\Route;

require 'Illuminate/autoload.php';
require 'GuzzleHttp/autoload.php';
spl_autoload_register(fn ($class) => str_starts_with($class, 'App\\') && require __DIR__.'/../app/'.substr($class, 4).'.php');

$app = new Application(dirname(__DIR__));
$app->instance('config', new Illuminate\Config\Repository([
    'app' => ['key' => getenv('APP_KEY'), 'cipher' => 'AES-256-CBC', 'debug' => false],
    'auth' => ['defaults' => ['guard' => 'session'], 'guards' => ['session' => ['driver' => 'session-name']], 'providers' => []],
    'broadcasting' => ['default' => 'socketio', 'connections' => ['socketio' => [
        'driver' => 'socketio', 'url' => getenv('SOCKETIO_API') ?: 'http://localhost:2019/socketio',
    ]]],
    'logging' => ['default' => 'errorlog', 'channels' => ['errorlog' => ['driver' => 'errorlog']]],
    'session' => [
        'driver' => 'cookie', 'lifetime' => 120, 'expire_on_close' => false, 'lottery' => [0, 100], 'cookie' => 'laravel_session',
        'path' => '/', 'domain' => null, 'secure' => null, 'http_only' => true, 'same_site' => 'lax',
    ],
]));
$app->detectEnvironment(fn () => 'production');
Facade::setFacadeApplication($app);
foreach (['Auth\Auth', 'Broadcasting\Broadcast', 'Bus\Bus', 'Cookie\Cookie', 'Encryption\Encryption', 'Session\Session'] as $provider) {
    $app->register("Illuminate\\{$provider}ServiceProvider");
}
$app->singleton(ExceptionHandler::class, Handler::class);
$app->singleton(HttpKernel::class, fn ($app) => new class($app, $app['router']) extends Kernel
{
    protected $bootstrappers = [HandleExceptions::class, BootProviders::class];
    protected $middlewareGroups = ['web' => [
        Illuminate\Cookie\Middleware\EncryptCookies::class,
        Illuminate\Cookie\Middleware\AddQueuedCookiesToResponse::class,
        Illuminate\Session\Middleware\StartSession::class,
    ]];
});

// As in a service provider of yours.
Auth::viaRequest('session-name', function ($request) {
    $name = $request->session()->get('name');

    return $name ? new GenericUser(['id' => $name, 'name' => $name]) : null;
});
Broadcast::extend('socketio', fn ($app, $config) => new SocketioBroadcaster($config['url']));
require __DIR__.'/../routes/channels.php';
$app->booted(fn () => Route::middleware('web')->group(__DIR__.'/../routes/web.php'));

$kernel = $app->make(HttpKernel::class);
$response = $kernel->handle($request = Request::capture())->send();
$kernel->terminate($request, $response);
