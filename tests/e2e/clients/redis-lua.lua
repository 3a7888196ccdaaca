local redis = require("redis")

redis.commands.mc_get = redis.command("MC.GET")
redis.commands.mc_set = redis.command("MC.SET")
redis.commands.client_setname = redis.command("CLIENT")
local cache = redis.connect("127.0.0.1", tonumber(arg[1]))
io.stdout:setvbuf("line")

local function shown(replies, count)
  local words = {}
  for position = 1, count do
    local reply = replies[position]
    words[position] = reply == nil and "nil" or reply == true and "OK" or tostring(reply)
  end
  return table.concat(words, "|")
end

cache:auth("app", "secret")
cache:client_setname("SETNAME", "scenario")
print("ping " .. (cache:ping() and "PONG"))
print("miss " .. tostring(cache:mc_get("scenario", "What is the capital of France?")))
cache:mc_set("scenario", "怎么重置我的密码？", "点击“忘记密码”。")
print("hit " .. cache:mc_get("scenario", "怎么重置我的密码？"))
local _, message = pcall(cache.mc_get, cache, "scenario")
print("error " .. message:match("ERR.*"))
local replies = cache:pipeline(function(pipeline)
  pipeline:mc_set("scenario", "Where is my invoice?", "On page 2.")
  pipeline:mc_get("scenario", "Where is my invoice?")
  pipeline:mc_get("scenario", "What is the capital of France?")
end)
print("pipeline " .. shown(replies, 3))
replies = cache:transaction(function(transaction)
  transaction:mc_set("scenario", "Where is my order?", "On its way.")
  transaction:mc_get("scenario", "Where is my order?")
end)
print("exec " .. shown(replies, 2))
for news, abort in cache:pubsub({ subscribe = { "news" }, psubscribe = { "other.*" } }) do
  if news.kind == "message" then
    print("message " .. news.channel .. " " .. news.payload)
    abort()
  end
end
print("again " .. (cache:ping() and "PONG"))
