require "redis"

options = { port: Integer(ARGV[0]), username: "app", password: "secret", id: "scenario" }
cache = Redis.new(**options)
shown = ->(replies) { replies.map { |reply| reply.nil? ? "nil" : reply }.join("|") }

puts "ping #{cache.ping}"
puts "miss #{shown.([cache.call("MC.GET", "scenario", "What is the capital of France?")])}"
cache.call("MC.SET", "scenario", "怎么重置我的密码？", "点击“忘记密码”。")
puts "hit #{cache.call("MC.GET", "scenario", "怎么重置我的密码？").force_encoding("UTF-8")}"
begin
  cache.call("MC.GET", "scenario")
rescue Redis::CommandError => error
  puts "error #{error.message}"
end
replies = cache.pipelined do |pipeline|
  pipeline.call("MC.SET", "scenario", "Where is my invoice?", "On page 2.")
  pipeline.call("MC.GET", "scenario", "Where is my invoice?")
  pipeline.call("MC.GET", "scenario", "What is the capital of France?")
end
puts "pipeline #{shown.(replies)}"
replies = cache.multi do |transaction|
  transaction.call("MC.SET", "scenario", "Where is my order?", "On its way.")
  transaction.call("MC.GET", "scenario", "Where is my order?")
end
puts "exec #{shown.(replies)}"
$stdout.flush
cache.subscribe("news") do |on|
  on.message do |channel, message|
    puts "message #{channel} #{message}"
    cache.unsubscribe
  end
end
puts "again #{cache.ping}"
