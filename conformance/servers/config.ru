# The common application, over Rack (puma): README.md has the table of paths.
require 'digest'
require 'json'

def whole(status, body, further = {}, kind = 'text/plain')
  [status, { 'Content-Type' => kind, 'Content-Length' => body.bytesize.to_s }.merge(further), [body]]
end

# A body that is sent piece by piece.
Pieces = Struct.new(:count, :pause, :text) do
  def each
    count.times do |index|
      sleep pause
      yield text.gsub('%', index.to_s)
    end
  end
end

def echo(env)
  body = env['rack.input'].read || ''
  whole(200, "#{env['REQUEST_METHOD']} #{body.bytesize} #{Digest::SHA256.hexdigest(body)}\n")
end

def fields(env)
  named = env.select { |name, _| name.start_with?('HTTP_') && name != 'HTTP_VERSION' }
  named = named.map { |name, value| [name[5..].tr('_', '-').downcase, value] }.sort
  whole(200, JSON.generate({ query: env['QUERY_STRING'], fields: named }), {}, 'application/json')
end

def tagged(env)
  return [304, { 'ETag' => '"v1"' }, []] if env['HTTP_IF_NONE_MATCH'] == '"v1"'

  whole(200, "tagged\n", { 'ETag' => '"v1"' })
end

run(lambda do |env|
  case env['PATH_INFO']
  when '/echo' then echo(env)
  when '/fields' then fields(env)
  when '/etag' then tagged(env)
  when '/early' then whole(413, "too large\n")
  when '/empty' then [204, { 'X-Empty' => 'yes' }, []]
  when '/large' then whole(200, '0123456789abcdef' * 65_536)
  when '/many' then whole(200, "many\n", 80.times.to_h { |i| ["X-Field-#{i}", "value #{i}"] })
  when '/wide' then whole(200, "wide\n", { 'X-Wide' => 'w' * 6000 })
  when '/cookies' then whole(200, "cookies\n", { 'Set-Cookie' => 3.times.map { |i| "c#{i}=#{i}; Path=/; HttpOnly" }.join("\n") })
  when '/redirect' then whole(302, '', { 'Location' => '/small?from=redirect' })
  when '/error' then whole(500, "broken\n")
  when '/close' then whole(200, "closing\n", { 'Connection' => 'close' })
  when '/slow' then sleep(1) && whole(200, "slow\n")
  when '/chunked' then [200, { 'Content-Type' => 'text/plain' }, Pieces.new(10, 0, 'x' * 1000)]
  when '/events'
    kind = { 'Content-Type' => 'text/event-stream', 'Cache-Control' => 'no-store' }
    [200, kind, Pieces.new(3, 0.1, "id: %\ndata: event %\n\n")]
  when '/', '/small', '/health' then whole(200, "hello\n")
  else whole(404, "missing\n")
  end
end)
