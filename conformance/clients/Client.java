// Java's own HttpClient: one job per line, one line of results, as in lines.py. Tomcat's parser reads the jobs.

import java.io.BufferedReader;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublisher;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyStore;
import java.security.MessageDigest;
import java.security.cert.CertificateFactory;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;
import org.apache.tomcat.util.json.JSONParser;

class Client {
    private static final Duration PATIENCE = Duration.ofSeconds(10);

    private static SSLContext trusting(String file) throws Exception {
        KeyStore store = KeyStore.getInstance(KeyStore.getDefaultType());
        store.load(null, null);
        var certificate = CertificateFactory.getInstance("X.509").generateCertificate(Files.newInputStream(Path.of(file)));
        store.setCertificateEntry("ca", certificate);
        TrustManagerFactory managers = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        managers.init(store);
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(null, managers.getTrustManagers(), null);
        return context;
    }

    private static String quoted(String text) {
        StringBuilder said = new StringBuilder("\"");
        for (char c : text.toCharArray()) {
            if (c == '"' || c == '\\') {
                said.append('\\').append(c);
            } else if (c < ' ') {
                said.append(String.format("\\u%04x", (int) c));
            } else {
                said.append(c);
            }
        }
        return said.append('"').toString();
    }

    private static String failure(Exception error) {
        return "{\"error\":" + quoted(error.getClass().getSimpleName()) + ",\"detail\":" + quoted("" + error.getMessage()) + "}";
    }

    private static BodyPublisher body(Map<String, Object> step) {
        if (step.get("body") == null) {
            return BodyPublishers.noBody();
        }
        int size = ((Number) step.get("body")).intValue();
        byte[] bytes = "0123456789abcdef".repeat(size / 16 + 1).substring(0, size).getBytes(StandardCharsets.ISO_8859_1);
        boolean chunked = Boolean.TRUE.equals(step.get("chunked"));
        return chunked ? BodyPublishers.ofInputStream(() -> new ByteArrayInputStream(bytes)) : BodyPublishers.ofByteArray(bytes);
    }

    @SuppressWarnings("unchecked")
    private static String ask(HttpClient client, Map<String, Object> job, Map<String, Object> step) throws Exception {
        Thread.sleep(((Number) step.getOrDefault("pause", 0)).longValue());
        String scheme = job.get("way").equals("http1") || job.get("way").equals("upgrade") ? "http" : "https";
        URI uri = URI.create(scheme + "://localhost:" + job.get("port") + step.get("path"));
        HttpRequest.Builder request = HttpRequest.newBuilder(uri).timeout(PATIENCE);
        request.method((String) step.get("method"), body(step));
        for (Object field : (List<Object>) step.getOrDefault("fields", List.of())) {
            List<String> pair = (List<String>) field;
            request.header(pair.get(0), pair.get(1));
        }
        HttpResponse<byte[]> answer = client.send(request.build(), BodyHandlers.ofByteArray());
        List<String> fields = new ArrayList<>();
        answer.headers().map().forEach((name, values) -> {
            if (name.startsWith(":")) {
                return; // over HTTP/2 it counts the status among the fields
            }
            values.forEach(value -> fields.add("[" + quoted(name.toLowerCase()) + "," + quoted(value) + "]"));
        });
        byte[] content = answer.body();
        String sum = HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(content));
        String text = content.length > 20000 ? "null" : quoted(new String(content, StandardCharsets.ISO_8859_1));
        boolean second = answer.version() == HttpClient.Version.HTTP_2;
        if (second != job.get("way").equals("http2")) {
            throw new IOException("answered over " + answer.version());
        }
        return "{\"status\":" + answer.statusCode() + ",\"fields\":[" + String.join(",", fields) + "],\"length\":"
            + content.length + ",\"sha256\":\"" + sum + "\",\"text\":" + text + ",\"trailers\":[]}";
    }

    @SuppressWarnings("unchecked")
    private static List<String> handle(Map<String, Object> job) throws Exception {
        // In the way "upgrade" it asks for HTTP/2 over plain HTTP, as it does by default.
        boolean first = job.get("way").equals("http1") || job.get("way").equals("tls");
        HttpClient.Version version = first ? HttpClient.Version.HTTP_1_1 : HttpClient.Version.HTTP_2;
        HttpClient client = HttpClient.newBuilder().version(version).sslContext(trusting((String) job.get("ca"))).build();
        List<String> results = new ArrayList<>();
        for (Object step : (List<Object>) job.get("steps")) {
            try {
                results.add(ask(client, job, (Map<String, Object>) step));
            } catch (IOException error) {
                results.add(failure(error));
            }
        }
        return results;
    }

    public static void main(String[] arguments) throws Exception {
        BufferedReader input = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        String line;
        while ((line = input.readLine()) != null) {
            Map<String, Object> job = new JSONParser(line).object();
            List<String> results;
            try {
                results = handle(job);
            } catch (Exception error) {
                results = List.of(failure(error));
            }
            System.out.println("{\"id\":" + job.get("id") + ",\"results\":[" + String.join(",", results) + "]}");
        }
    }
}
