#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static redisContext *cache;

static void show(const redisReply *reply) {
    if (reply->type == REDIS_REPLY_NIL)
        printf("nil");
    else if (reply->type == REDIS_REPLY_INTEGER)
        printf("%lld", reply->integer);
    else if (reply->type == REDIS_REPLY_ARRAY)
        for (size_t i = 0; i < reply->elements; i++) {
            printf(i ? "|" : "");
            show(reply->element[i]);
        }
    else
        printf("%s", reply->str);
}

static redisReply *received(void) {
    redisReply *reply;
    if (redisGetReply(cache, (void **)&reply) != REDIS_OK) {
        printf("failed %s\n", cache->errstr);
        exit(1);
    }
    return reply;
}

/* Print a name and the next replies. */
static void print(const char *name, int replies) {
    printf("%s ", name);
    for (int i = 0; i < replies; i++) {
        redisReply *reply = received();
        printf(i ? "|" : "");
        show(reply);
        freeReplyObject(reply);
    }
    printf("\n");
    fflush(stdout);
}

static void skip(int replies) {
    while (replies-- > 0) freeReplyObject(received());
}

int main(int argc, char **argv) {
    cache = redisConnect("127.0.0.1", argc > 1 ? atoi(argv[1]) : 6380);
    redisAppendCommand(cache, "AUTH app secret");
    redisAppendCommand(cache, "CLIENT SETNAME scenario");
    skip(2);
    redisAppendCommand(cache, "PING");
    print("ping", 1);
    redisAppendCommand(cache, "MC.GET scenario %s", "What is the capital of France?");
    print("miss", 1);
    const char *question = "怎么重置我的密码？", *answer = "点击“忘记密码”。";
    redisAppendCommand(cache, "MC.SET scenario %b %b", question, strlen(question), answer, strlen(answer));
    skip(1);
    redisAppendCommand(cache, "MC.GET scenario %b", question, strlen(question));
    print("hit", 1);
    redisAppendCommand(cache, "MC.GET scenario");
    print("error", 1);
    redisAppendCommand(cache, "MC.SET scenario %s %s", "Where is my invoice?", "On page 2.");
    redisAppendCommand(cache, "MC.GET scenario %s", "Where is my invoice?");
    redisAppendCommand(cache, "MC.GET scenario %s", "What is the capital of France?");
    print("pipeline", 3);
    redisAppendCommand(cache, "MULTI");
    redisAppendCommand(cache, "MC.SET scenario %s %s", "Where is my order?", "On its way.");
    redisAppendCommand(cache, "MC.GET scenario %s", "Where is my order?");
    redisAppendCommand(cache, "EXEC");
    skip(3);
    print("exec", 1);
    redisAppendCommand(cache, "SUBSCRIBE news");
    skip(1);
    redisReply *news = received();
    printf("%s %s %s\n", news->element[0]->str, news->element[1]->str, news->element[2]->str);
    freeReplyObject(news);
    redisAppendCommand(cache, "UNSUBSCRIBE news");
    skip(1);
    redisAppendCommand(cache, "PING");
    print("again", 1);
    redisFree(cache);
    return 0;
}
