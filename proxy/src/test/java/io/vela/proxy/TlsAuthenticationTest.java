package io.vela.proxy;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.vela.agent.exec.Command;
import io.vela.config.AuthConfig;
import io.vela.config.LimitsConfig;
import io.vela.config.ListenerConfig;
import io.vela.config.NetworkConfig;
import io.vela.config.ProxyProtocolConfig;
import io.vela.config.TlsConfig;
import io.vela.config.TlsConfig.ClientCertificates;
import io.vela.config.TlsConfig.Mode;
import io.vela.config.value.BranchName;
import io.vela.config.value.HostPort;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.DriverManager;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Properties;
import java.util.Set;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Channel binding and client certificates, with real clients, beside a real Postgres with TLS. */
class TlsAuthenticationTest {
  @TempDir private static Path folder;
  private static TestCertificates certificates;
  private static RealPostgres postgres;

  private ScriptedRouter router;
  private ProxyServer server;

  @BeforeAll
  static void startPostgres() throws Exception {
    certificates = new TestCertificates(folder);
    postgres = RealPostgres.start();
    postgres.sql("create role app login password 'right'");
    postgres.sql("create role migrator login");
    write("server.crt", certificates.certificate);
    write("server.key", certificates.key);
    postgres.sql("alter system set ssl = on");
    postgres.sql("select pg_reload_conf()");
    await().until(() -> postgres.sql("show ssl").equals("on"));
  }

  /** By the server itself, since it wants the key for its own user only. */
  private static void write(String name, Path file) throws Exception {
    var lines = Files.readString(file).replace("\r", "");
    postgres.sql(
        "copy (select unnest(string_to_array('%s', E'\\n'))) to program 'cat > %s; chmod 600 %s'"
            .formatted(lines, name, name));
  }

  @AfterAll
  static void stopPostgres() {
    postgres.close();
  }

  @BeforeEach
  void startProxy() throws Exception {
    router = new ScriptedRouter(postgres.endpoint());
    server = open(ClientCertificates.NONE, AuthConfig.DEFAULT);
  }

  @AfterEach
  void stopProxy() {
    server.close(Duration.ofSeconds(5));
  }

  private void start(ClientCertificates clients, AuthConfig auth) throws Exception {
    server.close(Duration.ofSeconds(5));
    server = open(clients, auth);
  }

  private ProxyServer open(ClientCertificates clients, AuthConfig auth) throws Exception {
    for (var role : List.of("app", "migrator")) {
      router.roles.put(role, postgres.role(role));
    }
    return ProxyServer.start(
        List.of(
            new ListenerConfig(
                new HostPort("127.0.0.1", 0),
                Optional.of(new BranchName("pr-1")),
                Optional.empty(),
                certificates.config(
                    Mode.ALLOW, TlsConfig.Provider.AUTO, TlsConfig.Version.TLS_1_2, clients),
                ProxyProtocolConfig.OFF,
                Optional.empty(),
                auth)),
        LimitsConfig.DEFAULT,
        NetworkConfig.DEFAULT,
        router,
        new SimpleMeterRegistry());
  }

  private InetSocketAddress vela() {
    return server.addresses().getFirst();
  }

  private String psql(String conninfo, String password) throws Exception {
    var argv = new ArrayList<>(List.of("psql", "-X", "-At", "-v", "VERBOSITY=verbose"));
    argv.addAll(
        List.of(
            "-d",
            "host=127.0.0.1 port=%d dbname=postgres %s".formatted(vela().getPort(), conninfo),
            "-c",
            "select current_user"));
    var result = Command.of(argv).env("PGPASSWORD", password).run();
    return (result.stdout() + result.stderr()).strip();
  }

  private static String withCertificate() {
    return " sslmode=require sslcert=%s sslkey=%s"
        .formatted(certificates.clientCertificate, certificates.clientKey);
  }

  @Test
  void psqlBindsToTheChannel() throws Exception {
    start(ClientCertificates.NONE, AuthConfig.DEFAULT);
    assertThat(
            psql(
                "user=app channel_binding=require sslmode=verify-full sslrootcert="
                    + certificates.root,
                "right"))
        .isEqualTo("app");
    assertThat(psql("user=app channel_binding=require sslmode=require", "wrong"))
        .contains("password authentication failed for user \"app\"");
    assertThat(psql("user=app channel_binding=disable sslmode=require", "right")).isEqualTo("app");
    assertThat(psql("user=app channel_binding=require sslmode=disable", "right"))
        .contains("channel binding");
  }

  @Test
  void pgjdbcBindsToTheChannel() throws Exception {
    start(ClientCertificates.NONE, AuthConfig.DEFAULT);
    var properties = new Properties();
    properties.setProperty("user", "app");
    properties.setProperty("password", "right");
    properties.setProperty("sslmode", "verify-full");
    properties.setProperty("sslrootcert", certificates.root.toString());
    properties.setProperty("channelBinding", "require");
    properties.setProperty("loginTimeout", "30");
    try (var connection =
        DriverManager.getConnection(
            "jdbc:postgresql://localhost:" + vela().getPort() + "/postgres", properties)) {
      assertThat(connection.isValid(10)).isTrue();
    }
  }

  @Test
  void aCertificateIsTheRoleOfItsCommonName() throws Exception {
    start(
        ClientCertificates.REQUEST,
        new AuthConfig(Set.of(AuthConfig.Method.CERT, AuthConfig.Method.SCRAM), Map.of()));
    assertThat(psql("user=app" + withCertificate(), "")).isEqualTo("app");
    assertThat(psql("user=migrator" + withCertificate(), ""))
        .contains("certificate authentication failed for user \"migrator\"");
    assertThat(psql("user=app sslmode=require", "right")).isEqualTo("app");
    assertThat(psql("user=app sslmode=require", "wrong")).contains("password authentication");
  }

  @Test
  void aCertificateIsTheRolesThatTheMapGivesIt() throws Exception {
    start(
        ClientCertificates.REQUEST,
        new AuthConfig(
            Set.of(AuthConfig.Method.CERT), Map.of("CN=app", List.of("migrator", "nobody"))));
    assertThat(psql("user=migrator" + withCertificate(), "")).isEqualTo("migrator");
    assertThat(psql("user=app" + withCertificate(), ""))
        .contains("certificate authentication failed for user \"app\"");
    var asked = router.asked.size();
    assertThat(psql("user=nobody" + withCertificate(), ""))
        .contains("role \"nobody\" does not exist");
    assertThat(psql("user=app sslmode=require", "right"))
        .contains("connection requires a valid client certificate");
    assertThat(router.asked).hasSize(asked);
  }

  @Test
  void trustAsksForNothingButTheRoleMustBeThere() throws Exception {
    start(ClientCertificates.NONE, new AuthConfig(Set.of(AuthConfig.Method.TRUST), Map.of()));
    assertThat(psql("user=app sslmode=disable", "")).isEqualTo("app");
    assertThat(psql("user=nobody sslmode=disable", "")).contains("role \"nobody\" does not exist");
  }

  // --- refused as by Postgres ---

  private static RawClient tls(InetSocketAddress address) throws Exception {
    var asking = new RawClient(address);
    asking.sendInts(8, 1234 << 16 | 5679);
    assertThat(asking.readByte()).isEqualTo('S');
    return new RawClient(certificates.over(asking.socket(), "localhost"));
  }

  private static void sasl(RawClient client, String mechanism, String message) throws Exception {
    var name = mechanism.getBytes(UTF_8);
    var data = message.getBytes(UTF_8);
    var length = 4 + name.length + 1 + 4 + data.length;
    client.send(
        ByteBuffer.allocate(1 + length)
            .put((byte) 'p')
            .putInt(length)
            .put(name)
            .put((byte) 0)
            .putInt(data.length)
            .put(data)
            .array());
  }

  /** What was offered, and then the error as far as it is not about Postgres's source. */
  private static List<String> refusal(InetSocketAddress address, String mechanism, String first)
      throws Exception {
    try (var client = tls(address)) {
      client.startup("user", "app", "database", "postgres");
      var told = new ArrayList<>(List.of(client.readMessage()));
      sasl(client, mechanism, first);
      var answer = client.readMessage();
      if (answer.startsWith("R")) {
        var nonce = answer.substring(answer.indexOf("r="), answer.indexOf(",s="));
        var last =
            "c="
                + Base64.getEncoder()
                    .encodeToString("p=tls-server-end-point,,another".getBytes(UTF_8))
                + ","
                + nonce
                + ",p="
                + Base64.getEncoder().encodeToString(new byte[32]);
        var bytes = last.getBytes(UTF_8);
        client.send(
            ByteBuffer.allocate(5 + bytes.length)
                .put((byte) 'p')
                .putInt(4 + bytes.length)
                .put(bytes)
                .array());
        answer = client.readMessage();
      }
      assertThat(answer).startsWith("E");
      Arrays.stream(answer.substring(1).split("\\|", -1))
          .filter(field -> !field.isEmpty() && "SVCMD".contains(field.substring(0, 1)))
          .forEach(told::add);
      return told;
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "SCRAM-SHA-256      | y,,n=,r=nonce                      | C28000",
        "SCRAM-SHA-256      | p=tls-server-end-point,,n=,r=nonce | C08P01",
        "SCRAM-SHA-256-PLUS | n,,n=,r=nonce                      | C08P01",
        "SCRAM-SHA-256-PLUS | y,,n=,r=nonce                      | C08P01",
        "SCRAM-SHA-256-PLUS | p=tls-unique,,n=,r=nonce           | C08P01",
        "SCRAM-SHA-256-PLUS | p=tls-server-end-point,,n=,r=nonce | C28000"
      })
  void aBindingThatIsNotRight(String mechanism, String first, String sqlState) throws Exception {
    start(ClientCertificates.NONE, AuthConfig.DEFAULT);
    var theirs = refusal(postgres.address(), mechanism, first);
    assertThat(theirs).contains(sqlState);
    assertThat(theirs.getFirst()).contains("SCRAM-SHA-256-PLUS");
    assertThat(refusal(vela(), mechanism, first)).isEqualTo(theirs);
  }
}
