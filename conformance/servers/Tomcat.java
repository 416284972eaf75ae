// The common application, on Tomcat: README.md has the table of paths. Usage: PORT DIRECTORY

import jakarta.servlet.http.HttpServlet;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import org.apache.catalina.connector.Connector;
import org.apache.catalina.startup.Tomcat;

class Main {
    public static void main(String[] arguments) throws Exception {
        Tomcat tomcat = new Tomcat();
        tomcat.setBaseDir(arguments[1]);
        tomcat.setPort(Integer.parseInt(arguments[0]));
        Connector connector = tomcat.getConnector();
        connector.setProperty("address", "127.0.0.1");
        connector.setProperty("keepAliveTimeout", "1000");
        connector.setProperty("maxHttpHeaderSize", "32768");
        connector.setProperty("maxHttpResponseHeaderSize", "32768");
        var context = tomcat.addContext("", arguments[1]);
        Tomcat.addServlet(context, "application", new Served());
        context.addServletMappingDecoded("/*", "application");
        tomcat.start();
        tomcat.getServer().await();
    }
}

class Served extends HttpServlet {
    private static void whole(HttpServletResponse response, int status, String body, String... fields) throws IOException {
        response.setStatus(status);
        response.setHeader("Content-Type", "text/plain");
        for (int i = 0; i < fields.length; i += 2) {
            response.addHeader(fields[i], fields[i + 1]);
        }
        byte[] bytes = body.getBytes("ISO-8859-1");
        response.setContentLength(bytes.length);
        response.getOutputStream().write(bytes);
    }

    private static void pieces(HttpServletResponse response, int count, long pause, String text) throws IOException {
        try {
            for (int i = 0; i < count; i++) {
                Thread.sleep(pause);
                response.getOutputStream().write(text.replace("%", "" + i).getBytes("ISO-8859-1"));
                response.flushBuffer();
            }
        } catch (InterruptedException stopped) {
            throw new IOException(stopped);
        }
    }

    private static String echo(HttpServletRequest request) throws Exception {
        MessageDigest digest = MessageDigest.getInstance("SHA-256");
        byte[] piece = new byte[65536];
        long length = 0;
        int read;
        while ((read = request.getInputStream().read(piece)) > 0) {
            digest.update(piece, 0, read);
            length += read;
        }
        return request.getMethod() + " " + length + " " + HexFormat.of().formatHex(digest.digest()) + "\n";
    }

    private static String quoted(String text) {
        return "\"" + text.replace("\\", "\\\\").replace("\"", "\\\"") + "\"";
    }

    private static String fields(HttpServletRequest request) {
        List<String> named = new ArrayList<>();
        for (String name : Collections.list(request.getHeaderNames())) {
            for (String value : Collections.list(request.getHeaders(name))) {
                named.add("[" + quoted(name.toLowerCase()) + "," + quoted(value) + "]");
            }
        }
        Collections.sort(named);
        String query = request.getQueryString() == null ? "" : request.getQueryString();
        return "{\"query\":" + quoted(query) + ",\"fields\":[" + String.join(",", named) + "]}";
    }

    @Override
    protected void service(HttpServletRequest request, HttpServletResponse response) throws IOException {
        try {
            answer(request, response);
        } catch (IOException error) {
            throw error;
        } catch (Exception error) {
            throw new IOException(error);
        }
    }

    private static void answer(HttpServletRequest request, HttpServletResponse response) throws Exception {
        switch (request.getRequestURI()) {
            case "/echo" -> whole(response, 200, echo(request));
            case "/fields" -> whole(response, 200, fields(request));
            case "/early" -> whole(response, 413, "too large\n");
            case "/etag" -> {
                if ("\"v1\"".equals(request.getHeader("If-None-Match"))) {
                    response.setHeader("ETag", "\"v1\"");
                    response.setStatus(304);
                } else {
                    whole(response, 200, "tagged\n", "ETag", "\"v1\"");
                }
            }
            case "/empty" -> {
                response.setHeader("X-Empty", "yes");
                response.setStatus(204);
            }
            case "/large" -> whole(response, 200, "0123456789abcdef".repeat(65536));
            case "/many" -> {
                String[] fields = new String[160];
                for (int i = 0; i < 80; i++) {
                    fields[2 * i] = "X-Field-" + i;
                    fields[2 * i + 1] = "value " + i;
                }
                whole(response, 200, "many\n", fields);
            }
            case "/wide" -> whole(response, 200, "wide\n", "X-Wide", "w".repeat(6000));
            case "/cookies" -> whole(response, 200, "cookies\n", "Set-Cookie", "c0=0; Path=/; HttpOnly",
                "Set-Cookie", "c1=1; Path=/; HttpOnly", "Set-Cookie", "c2=2; Path=/; HttpOnly");
            case "/redirect" -> whole(response, 302, "", "Location", "/small?from=redirect");
            case "/error" -> whole(response, 500, "broken\n");
            case "/close" -> whole(response, 200, "closing\n", "Connection", "close");
            case "/slow" -> {
                Thread.sleep(1000);
                whole(response, 200, "slow\n");
            }
            case "/chunked" -> {
                response.setContentType("text/plain");
                pieces(response, 10, 0, "x".repeat(1000));
            }
            case "/events" -> {
                response.setHeader("Content-Type", "text/event-stream");
                response.setHeader("Cache-Control", "no-store");
                pieces(response, 3, 100, "id: %\ndata: event %\n\n");
            }
            case "/trailers" -> {
                response.setHeader("Trailer", "X-Checksum");
                response.setTrailerFields(() -> Map.of("X-Checksum", "abc123"));
                response.getOutputStream().print("with trailers\n");
                response.flushBuffer();
            }
            case "/", "/small", "/health" -> whole(response, 200, "hello\n");
            default -> whole(response, 404, "missing\n");
        }
    }
}
