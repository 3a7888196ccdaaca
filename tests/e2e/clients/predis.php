<?php
require 'Predis/autoload.php';

use Predis\Command\RawCommand;

$parameters = ['port' => (int) $argv[1], 'read_write_timeout' => 60];
$cache = new Predis\Client($parameters);
$cache->executeRaw(['AUTH', 'app', 'secret']);
$cache->client('SETNAME', 'scenario');
$shown = fn(array $replies) => implode('|', array_map(fn($reply) => $reply ?? 'nil', $replies));

echo 'ping ', $cache->ping(), PHP_EOL;
echo 'miss ', $shown([$cache->executeRaw(['MC.GET', 'scenario', 'What is the capital of France?'])]), PHP_EOL;
$cache->executeRaw(['MC.SET', 'scenario', '怎么重置我的密码？', '点击“忘记密码”。']);
echo 'hit ', $cache->executeRaw(['MC.GET', 'scenario', '怎么重置我的密码？']), PHP_EOL;
try {
    $cache->executeCommand(new RawCommand(['MC.GET', 'scenario']));
} catch (Predis\Response\ServerException $error) {
    echo 'error ', $error->getMessage(), PHP_EOL;
}
$replies = $cache->pipeline(function ($pipeline) {
    $pipeline->executeCommand(new RawCommand(['MC.SET', 'scenario', 'Where is my invoice?', 'On page 2.']));
    $pipeline->executeCommand(new RawCommand(['MC.GET', 'scenario', 'Where is my invoice?']));
    $pipeline->executeCommand(new RawCommand(['MC.GET', 'scenario', 'What is the capital of France?']));
});
echo 'pipeline ', $shown($replies), PHP_EOL;
$replies = $cache->transaction(function ($transaction) {
    $transaction->executeCommand(new RawCommand(['MC.SET', 'scenario', 'Where is my order?', 'On its way.']));
    $transaction->executeCommand(new RawCommand(['MC.GET', 'scenario', 'Where is my order?']));
});
echo 'exec ', $shown($replies), PHP_EOL;
$news = $cache->pubSubLoop();
$news->subscribe('news');
foreach ($news as $event) {
    if ($event->kind === 'message') {
        echo "message $event->channel $event->payload", PHP_EOL;
        $news->unsubscribe();
    }
}
echo 'again ', $cache->ping(), PHP_EOL;
