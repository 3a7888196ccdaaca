/* hiredis: answer from the cache, or ask the model and store what it says. Run: cc ask.c -o ask -lhiredis && ./ask [port] */
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>

/* Stands for the call of your model. */
static void ask_llm(const char *question, char *text, size_t size) {
    snprintf(text, size, "(the model's answer to: %s)", question);
}

/* The reply to a command, or the end of the program with the reason. */
static redisReply *checked(redisContext *cache, redisReply *reply) {
    if (reply == NULL || reply->type == REDIS_REPLY_ERROR) {
        fprintf(stderr, "%s\n", reply == NULL ? cache->errstr : reply->str);
        exit(1);
    }
    return reply;
}

static void answer(redisContext *cache, const char *question, char *text, size_t size) {
    redisReply *cached = checked(cache, redisCommand(cache, "MC.GET gpt-4 %s", question));
    if (cached->type == REDIS_REPLY_STRING) {
        snprintf(text, size, "%s", cached->str);
    } else {
        ask_llm(question, text, size);
        freeReplyObject(checked(cache, redisCommand(cache, "MC.SET gpt-4 %s %s EX 86400", question, text)));
    }
    freeReplyObject(cached);
}

int main(int argc, char **argv) {
    redisContext *cache = redisConnect("127.0.0.1", argc > 1 ? atoi(argv[1]) : 6380);
    if (cache == NULL || cache->err) {
        fprintf(stderr, "%s\n", cache ? cache->errstr : "out of memory");
        return 1;
    }
    char text[4096];
    answer(cache, "How do I reset my password?", text, sizeof text);
    printf("asked : %s\n", text);
    answer(cache, "how can I reset my password", text, sizeof text);
    printf("cached: %s\n", text);
    redisFree(cache);
    return 0;
}
