package io.vela.proxy;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.vela.config.LimitsConfig;
import io.vela.config.ListenerConfig;
import io.vela.config.NetworkConfig;
import io.vela.config.value.BranchName;
import io.vela.config.value.HostPort;
import io.vela.proxy.wire.StartupPacket;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Properties;
import java.util.stream.Stream;
import org.assertj.core.api.Assertions;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Named;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.postgresql.util.PSQLException;

/** What Vela refuses in Postgres's place reads as Postgres's own refusal. */
class RefusedAsByPostgresTest {
  private static final int PROTOCOL_3_0 = 3 << 16;

  private static RealPostgres postgres;
  private static ScriptedRouter router;
  private static ProxyServer server;

  @BeforeAll
  static void start() throws Exception {
    postgres = RealPostgres.start();
    postgres.sql("create role app login password 'right'");
    postgres.sql("create role expired login password 'right' valid until '2020-01-01'");
    postgres.sql("create role unset login");
    postgres.sql("create role idle_role nologin password 'right'");
    postgres.sql(
        "set password_encryption = 'md5';"
            + " create role old login password 'right' valid until '2020-01-01'");
    router = new ScriptedRouter(postgres.endpoint());
    for (var role : List.of("app", "expired", "unset", "idle_role", "old")) {
      router.roles.put(role, postgres.role(role));
    }
    server =
        ProxyServer.start(
            List.of(
                new ListenerConfig(
                    new HostPort("127.0.0.1", 0), Optional.of(new BranchName("pr-1")))),
            LimitsConfig.DEFAULT,
            NetworkConfig.DEFAULT,
            router,
            new SimpleMeterRegistry());
  }

  @AfterAll
  static void stop() {
    server.close(Duration.ofSeconds(5));
    postgres.close();
  }

  @AfterEach
  void nothingWasWoken() {
    assertThat(router.asked).isEmpty();
  }

  private static InetSocketAddress vela() {
    return server.addresses().getFirst();
  }

  @ParameterizedTest
  @CsvSource({
    "app, wrong, 28P01",
    "nobody, right, 28P01",
    "expired, right, 28P01",
    "old, right, 28P01",
    "unset, right, 28P01",
    "idle_role, wrong, 28P01",
    "idle_role, right, 28000"
  })
  void aLogin(String user, String password, String sqlState) {
    var theirs = refusal(postgres.address(), user, password);
    assertThat(theirs).startsWith("FATAL " + sqlState);
    assertThat(refusal(vela(), user, password)).isEqualTo(theirs);
  }

  private static String refusal(InetSocketAddress address, String user, String password) {
    var properties = new Properties();
    properties.setProperty("user", user);
    properties.setProperty("password", password);
    properties.setProperty("sslMode", "disable");
    properties.setProperty("loginTimeout", "30");
    try (var _ =
        DriverManager.getConnection(
            "jdbc:postgresql://127.0.0.1:" + address.getPort() + "/postgres", properties)) {
      return Assertions.fail("let in");
    } catch (PSQLException e) {
      var error = e.getServerErrorMessage();
      if (error == null) {
        throw new AssertionError(e);
      }
      return String.join(
          " ",
          error.getSeverity(),
          error.getSQLState(),
          error.getMessage(),
          String.valueOf(error.getDetail()),
          String.valueOf(error.getHint()));
    } catch (SQLException e) {
      throw new AssertionError(e);
    }
  }

  /** What a client does until it is refused. */
  interface Conversation {
    void with(RawClient client) throws Exception;
  }

  private static Arguments conversation(String name, String sqlState, Conversation conversation) {
    return Arguments.of(Named.of(name, conversation), sqlState);
  }

  static Stream<Arguments> conversations() {
    return Stream.of(
        conversation(
            "a protocol to come", "0A000", client -> client.startup(4 << 16, "user", "app")),
        conversation(
            "a second SSLRequest",
            "0A000",
            client -> {
              client.sendInts(8, StartupPacket.SSL_REQUEST_CODE);
              assertThat(client.readByte()).isEqualTo('N');
              client.sendInts(8, StartupPacket.SSL_REQUEST_CODE);
            }),
        conversation(
            "no user", "28000", client -> client.startup(PROTOCOL_3_0, "database", "postgres")),
        conversation(
            "an empty user",
            "28000",
            client -> client.startup(PROTOCOL_3_0, "user", "", "database", "postgres")),
        conversation(
            "no end of the parameters",
            "08P01",
            client -> client.sendInts(12, PROTOCOL_3_0, 'u' << 24 | 'v' << 8)),
        conversation(
            "bytes after the parameters",
            "08P01",
            client -> client.sendInts(12, PROTOCOL_3_0, 0x00000075)),
        conversation(
            "a query instead of a password",
            "08P01",
            client -> {
              client.startup("user", "app", "database", "postgres");
              assertThat(client.readMessage()).startsWith("R");
              client.query("select 1");
            }),
        conversation(
            "an unknown mechanism",
            "08P01",
            client -> sasl(client, "SCRAM-SHA-1", "n,,n=,r=nonce")),
        conversation(
            "a message that is not SCRAM",
            "08P01",
            client -> sasl(client, "SCRAM-SHA-256", "nonsense")));
  }

  @ParameterizedTest
  @CsvSource({"196608, R", "196610, R", "206607, v"})
  void whatIsNegotiatedComesBeforeThePasswordIsAsked(int version, String first) throws Exception {
    for (var address : List.of(postgres.address(), vela())) {
      try (var client = new RawClient(address)) {
        client.startup(version, "user", "app", "database", "postgres");
        assertThat(client.readMessage()).startsWith(first);
      }
    }
  }

  private static void sasl(RawClient client, String mechanism, String message) throws Exception {
    client.startup("user", "app", "database", "postgres");
    assertThat(client.readMessage()).startsWith("R");
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

  @ParameterizedTest
  @MethodSource("conversations")
  void aConversation(Conversation conversation, String sqlState) throws Exception {
    var theirs = error(postgres.address(), conversation);
    assertThat(theirs).contains("SFATAL", "VFATAL", "C" + sqlState);
    assertThat(error(vela(), conversation)).isEqualTo(theirs);
  }

  /**
   * Severity, SQLSTATE and message: not the detail, since each parser of SCRAM has its own words
   * for nonsense, nor where in Postgres's source it comes from.
   */
  private static List<String> error(InetSocketAddress address, Conversation conversation)
      throws Exception {
    try (var client = new RawClient(address)) {
      conversation.with(client);
      var error = client.readMessage();
      assertThat(error).startsWith("E");
      assertThat(client.readByte()).isEqualTo(-1);
      return Arrays.stream(error.substring(1).split("\\|", -1))
          .filter(field -> !field.isEmpty() && "SVCM".contains(field.substring(0, 1)))
          .toList();
    }
  }
}
