<?php
// The common application, over FastCGI (Apache with php-fpm): README.md has the table.
$path = parse_url($_SERVER['REQUEST_URI'], PHP_URL_PATH);
ini_set('default_charset', '');

function whole($status, $body, $fields = [], $kind = 'text/plain') {
    http_response_code($status);
    header("Content-Type: $kind");
    header('Content-Length: ' . strlen($body));
    foreach ($fields as $field) {
        header($field, false);
    }
    echo $body;
}

switch ($path) {
    case '/echo':
        $body = file_get_contents('php://input');
        whole(200, "{$_SERVER['REQUEST_METHOD']} " . strlen($body) . ' ' . hash('sha256', $body) . "\n");
        break;
    case '/fields':
        $named = [];
        foreach (getallheaders() as $name => $value) {
            $named[] = [strtolower($name), $value];
        }
        sort($named);
        whole(200, json_encode(['query' => $_SERVER['QUERY_STRING'], 'fields' => $named], JSON_UNESCAPED_SLASHES), [], 'application/json');
        break;
    case '/early': whole(413, "too large\n"); break;
    case '/etag':
        header('ETag: "v1"');
        if (($_SERVER['HTTP_IF_NONE_MATCH'] ?? '') === '"v1"') {
            http_response_code(304);
        } else {
            whole(200, "tagged\n");
        }
        break;
    case '/empty': http_response_code(204); header('X-Empty: yes'); break;
    case '/large': whole(200, str_repeat('0123456789abcdef', 65536)); break;
    case '/many': whole(200, "many\n", array_map(fn($i) => "X-Field-$i: value $i", range(0, 79))); break;
    case '/wide': whole(200, "wide\n", ['X-Wide: ' . str_repeat('w', 6000)]); break;
    case '/cookies': whole(200, "cookies\n", array_map(fn($i) => "Set-Cookie: c$i=$i; Path=/; HttpOnly", range(0, 2))); break;
    case '/redirect': whole(302, '', ['Location: /small?from=redirect']); break;
    case '/error': whole(500, "broken\n"); break;
    case '/close': whole(200, "closing\n", ['Connection: close']); break;
    case '/slow': sleep(1); whole(200, "slow\n"); break;
    case '/chunked':
        header('Content-Type: text/plain');
        for ($i = 0; $i < 10; $i++) { echo str_repeat('x', 1000); flush(); }
        break;
    case '/events':
        header('Content-Type: text/event-stream');
        header('Cache-Control: no-store');
        for ($i = 0; $i < 3; $i++) { usleep(100000); echo "id: $i\ndata: event $i\n\n"; flush(); }
        break;
    case '/': case '/small': case '/health': whole(200, "hello\n"); break;
    default: whole(404, "missing\n");
}
