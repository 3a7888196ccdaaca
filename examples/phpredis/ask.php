<?php
// phpredis: answer from the cache, or ask the model and store what it says. Run: php ask.php [port]
$cache = new Redis();
$cache->connect('127.0.0.1', (int) ($argv[1] ?? 6380));

// Stands for the call of your model.
function ask_llm(string $question): string
{
    return "(the model's answer to: $question)";
}

function answer(Redis $cache, string $question): string
{
    $cached = $cache->rawCommand('MC.GET', 'gpt-4', $question);
    if ($cached !== false) {
        return $cached;
    }
    $fresh = ask_llm($question);
    $cache->rawCommand('MC.SET', 'gpt-4', $question, $fresh, 'EX', 86400);
    return $fresh;
}

echo 'asked : ', answer($cache, 'How do I reset my password?'), PHP_EOL;
echo 'cached: ', answer($cache, 'how can I reset my password'), PHP_EOL;
$cache->close();
