# Redis.pm: answer from the cache, or ask the model and store what it says. Run: perl ask.pl [port]
use v5.24;
use warnings;
use experimental 'signatures';
use Redis;

my $cache = Redis->new(server => '127.0.0.1:' . ($ARGV[0] // 6380));
my ($get, $set) = ('MC.GET', 'MC.SET');

# Stands for the call of your model.
sub ask_llm ($question) { "(the model's answer to: $question)" }

sub answer ($question) {
    my $cached = $cache->$get('gpt-4', $question);
    return $cached if defined $cached;
    my $fresh = ask_llm($question);
    $cache->$set('gpt-4', $question, $fresh, 'EX', 86400);
    return $fresh;
}

say 'asked : ', answer('How do I reset my password?');
say 'cached: ', answer('how can I reset my password');
$cache->quit;
