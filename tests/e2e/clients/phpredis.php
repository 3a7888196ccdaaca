<?php
$cache = new Redis();
$cache->connect('127.0.0.1', (int) $argv[1]);
$cache->auth(['app', 'secret']);
$cache->client('setname', 'scenario');
$shown = function (array $replies): string {
    return implode('|', array_map(fn($reply) => $reply === false ? 'nil' : ($reply === true ? 'OK' : $reply), $replies));
};

echo 'ping ', $cache->ping('PONG'), PHP_EOL;
echo 'miss ', $shown([$cache->rawCommand('MC.GET', 'scenario', 'What is the capital of France?')]), PHP_EOL;
$cache->rawCommand('MC.SET', 'scenario', '怎么重置我的密码？', '点击“忘记密码”。');
echo 'hit ', $cache->rawCommand('MC.GET', 'scenario', '怎么重置我的密码？'), PHP_EOL;
$cache->rawCommand('MC.GET', 'scenario');
echo 'error ', $cache->getLastError(), PHP_EOL;
$replies = $cache->pipeline()
    ->rawCommand('MC.SET', 'scenario', 'Where is my invoice?', 'On page 2.')
    ->rawCommand('MC.GET', 'scenario', 'Where is my invoice?')
    ->rawCommand('MC.GET', 'scenario', 'What is the capital of France?')
    ->exec();
echo 'pipeline ', $shown($replies), PHP_EOL;
$replies = $cache->multi()
    ->rawCommand('MC.SET', 'scenario', 'Where is my order?', 'On its way.')
    ->rawCommand('MC.GET', 'scenario', 'Where is my order?')
    ->exec();
echo 'exec ', $shown($replies), PHP_EOL;
try {
    $cache->subscribe(['news'], function (Redis $cache, string $channel, string $message): void {
        echo "message $channel $message", PHP_EOL;
        $cache->close();
    });
} catch (RedisException) {
    // The way out of its loop is to close the connection.
}
$cache->connect('127.0.0.1', (int) $argv[1]);
$cache->auth(['app', 'secret']);
echo 'again ', $cache->ping('PONG'), PHP_EOL;
