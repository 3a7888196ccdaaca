#!/bin/sh
# redis-cli: answer from the cache, or ask the model and store what it says. Run: sh ask.sh [port]
set -eu

cache() { redis-cli -e -p "$port" "$@"; }

# Stands for the call of your model.
ask_llm() { printf "(the model's answer to: %s)" "$1"; }

answer() {
    answer=$(cache MC.GET gpt-4 "$1")
    if [ -z "$answer" ]; then
        answer=$(ask_llm "$1")
        cache MC.SET gpt-4 "$1" "$answer" EX 86400 >/dev/null
    fi
    printf '%s\n' "$answer"
}

port=${1:-6380}
printf 'asked : %s\n' "$(answer "How do I reset my password?")"
printf 'cached: %s\n' "$(answer "how can I reset my password")"
