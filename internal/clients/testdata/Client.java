import java.io.FileInputStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyFactory;
import java.security.KeyStore;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import java.security.spec.PKCS8EncodedKeySpec;
import java.util.Base64;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;

/** Asks with java.net.http, HTTP/1.1 and HTTP/2: usage java Client.java URL CA KEY CLIENT_CERT CLIENT_KEY */
public class Client {
  static final String ROW = "{\"row\":[138.43,0,0,3,104.76,8,73.7325,16,86.62063,2,0,12,0,48,0]}";

  public static void main(String[] args) throws Exception {
    String url = args[0];
    for (HttpClient.Version version : HttpClient.Version.values()) {
      HttpClient client = HttpClient.newBuilder().version(version).sslContext(context(args[1], null, null)).build();
      for (int i = 0; i < 50; i++) {
        HttpResponse<String> answer = ask(client, url, "Bearer " + args[2]);
        check(answer.statusCode() == 200 && answer.body().contains("\"score\":"), answer.body());
        check(answer.version() == version, answer.version().toString());
      }
      HttpResponse<String> stranger = ask(client, url, null);
      check(stranger.statusCode() == 401 && stranger.body().contains("unauthenticated"), stranger.body());

      HttpClient certified = HttpClient.newBuilder().version(version).sslContext(context(args[1], args[3], args[4])).build();
      HttpResponse<String> answer = ask(certified, url, null);
      check(answer.statusCode() == 200, answer.body());
    }
    System.out.println("ok");
  }

  static HttpResponse<String> ask(HttpClient client, String url, String authorization) throws Exception {
    HttpRequest.Builder request = HttpRequest.newBuilder(URI.create(url + "/v1/score"))
        .header("Content-Type", "application/json").POST(HttpRequest.BodyPublishers.ofString(ROW));
    if (authorization != null) {
      request.header("Authorization", authorization);
    }
    return client.send(request.build(), HttpResponse.BodyHandlers.ofString());
  }

  static SSLContext context(String ca, String cert, String key) throws Exception {
    KeyStore trusted = KeyStore.getInstance(KeyStore.getDefaultType());
    trusted.load(null);
    trusted.setCertificateEntry("ca", certificate(ca));
    TrustManagerFactory trust = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
    trust.init(trusted);
    KeyManagerFactory keys = null;
    if (cert != null) {
      String pem = Files.readString(Path.of(key)).replaceAll("-----[A-Z ]+-----|\\s", "");
      KeyStore own = KeyStore.getInstance(KeyStore.getDefaultType());
      own.load(null);
      own.setKeyEntry("client", KeyFactory.getInstance("EC").generatePrivate(new PKCS8EncodedKeySpec(Base64.getDecoder().decode(pem))),
          new char[0], new Certificate[] {certificate(cert)});
      keys = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
      keys.init(own, new char[0]);
    }
    SSLContext context = SSLContext.getInstance("TLS");
    context.init(keys == null ? null : keys.getKeyManagers(), trust.getTrustManagers(), null);
    return context;
  }

  static Certificate certificate(String path) throws Exception {
    try (FileInputStream in = new FileInputStream(path)) {
      return CertificateFactory.getInstance("X.509").generateCertificate(in);
    }
  }

  static void check(boolean holds, String what) {
    if (!holds) {
      throw new AssertionError(what);
    }
  }
}
