# A Rack application that says which process answered.
run(lambda do |_env|
  body = "pid #{Process.pid}"
  [200, { "content-length" => body.bytesize.to_s }, [body]]
end)
