package io.vela.it;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.vela.it.support.Http;
import io.vela.it.support.RawClient;
import io.vela.it.support.Scratch;
import io.vela.it.support.SourceServer;
import io.vela.it.support.Vela;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.MethodOrderer;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestMethodOrder;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Names of roles, databases, branches and applications that were chosen to do harm where they are
 * shown. The SQLSTATE is Postgres's own, and what is shown of them is escaped.
 */
@TestMethodOrder(MethodOrderer.OrderAnnotation.class)
final class HostileNamesTest {
  private static final String FORGED = "time=2026-01-01T00:00:00Z level=ERROR forged";

  private static Scratch scratch;
  private static SourceServer postgres;
  private static Vela vela;

  @BeforeAll
  static void start() throws Exception {
    scratch = new Scratch();
    postgres = SourceServer.start(scratch.folder(), Map.of());
    vela = Vela.start(scratch.data());
    vela.connect("names").close();
  }

  @AfterAll
  static void stop() throws Exception {
    vela.close();
    postgres.close();
    scratch.close();
  }

  /** As Latin 1, so that any byte can be written. */
  static Stream<String> names() {
    return Stream.of(
        "'; DROP ROLE app; --",
        "\"quoted\" 'and' \\backslash",
        "x\n" + FORGED + "=1",
        "x\r\n\t" + FORGED + "=2",
        "\u001b[2J\u001b]0;owned\u0007\u001b[31m",
        "\u009b31m\u0080",
        // The same as UTF-8, and a turn of the direction of writing.
        "\u00c2\u009b31m\u00e2\u0080\u00aex",
        "%s%n%x ${jndi:ldap://127.0.0.1/x} {} {0}",
        "<script>alert(1)</script>",
        "\u00ff\u00fe\u00c3(",
        "\u00f0\u009f\u0090",
        "x".repeat(9_000),
        "=,\"\u0001\u007f",
        "~",
        "~~",
        "app~",
        "~abcd",
        "a~b~c d");
  }

  private static byte[] latin1(String text) {
    return text.getBytes(ISO_8859_1);
  }

  private static String sqlState(int port, String user, String password, String database)
      throws IOException {
    try (var client = new RawClient(port)) {
      client.startup(latin1("user"), latin1(user), latin1("database"), latin1(database));
      var end = client.prove(password);
      return end.type() == 'E' ? end.sqlState() : Character.toString(end.type());
    }
  }

  @ParameterizedTest
  @MethodSource("names")
  @Order(1)
  void aRoleThatIsNotThere(String name) throws IOException {
    assertThat(sqlState(vela.port(), name, "wrong", "postgres@names"))
        .isEqualTo(sqlState(postgres.port(), name, "wrong", "postgres"))
        .isEqualTo("28P01");
  }

  @ParameterizedTest
  @MethodSource("names")
  @Order(1)
  void aDatabaseThatIsNotThere(String name) throws IOException {
    var login = vela.superuser();
    assertThat(sqlState(vela.port(), login.user(), login.password(), name + "@names"))
        .isEqualTo(sqlState(postgres.port(), "owner", "secret", name))
        .isEqualTo("3D000");
  }

  @ParameterizedTest
  @MethodSource("names")
  @Order(1)
  void aBranchThatIsNone(String name) throws IOException {
    var login = vela.superuser();
    assertThat(sqlState(vela.port(), login.user(), login.password(), "postgres@" + name))
        .isEqualTo("22023");
  }

  @ParameterizedTest
  @CsvSource({
    "@names, Z", "a@b@names, 3D000", "postgres@@names, 3D000", "postgres@, 22023",
    "postgres@names@, 22023", "@, 22023", "postgres@vela_, 22023", "postgres@vela_abcd_x~y, 22023"
  })
  @Order(1)
  void signsInOddPlaces(String database, String expected) throws IOException {
    var login = vela.superuser();
    assertThat(sqlState(vela.port(), login.user(), login.password(), database)).isEqualTo(expected);
  }

  /** Names that are there: a role, a database and an application, all with what terminals obey. */
  @Test
  @Order(2)
  void namesThatAreThereAreServedAndShownEscaped() throws Exception {
    var hostile = "x\n" + FORGED + "=3\u001b[31m'\"";
    try (var admin = vela.connect("names");
        var statement = admin.createStatement()) {
      var quoted = "\"" + hostile.replace("\"", "\"\"") + "\"";
      statement.execute("CREATE ROLE " + quoted + " LOGIN PASSWORD 'right'");
      statement.execute("CREATE DATABASE " + quoted + " OWNER " + quoted);
    }
    try (var client = new RawClient(vela.port())) {
      client.startup(
          latin1("user"),
          latin1(hostile),
          latin1("database"),
          latin1(hostile + "@names"),
          latin1("application_name"),
          latin1("app\u001b[0m\u00ff\n" + FORGED + "=4"));
      assertThat(client.prove("right").type()).isEqualTo('Z');
      client.query("SELECT current_user || '/' || current_database()");
      assertThat(client.readUntil('D').text()).endsWith(hostile + "/" + hostile);

      for (var verb :
          List.of(
              List.of("session", "list"),
              List.of("session", "list", "names"),
              List.of("why", "names"),
              List.of("branch", "list"))) {
        var outcome = vela.cli(verb.toArray(String[]::new));
        assertThat(outcome.code()).as("%s", verb).isZero();
        assertThat(outcome.out() + outcome.err())
            .as("%s", verb)
            .doesNotContain("\u001b", "\n" + FORGED, "\u009b");
      }
      assertThat(vela.cli("session", "list", "names").out()).contains("\\u001b[31m");
      assertThat(vela.sessions("names")).isNotEmpty();
      assertThat(vela.why("names")).doesNotContain("\u001b", "\n" + FORGED);
      assertThat(Http.get(vela.httpUrl() + "/metrics")).doesNotContain("forged", "\u001b");
    }
  }

  /** After all of the above. */
  @Test
  @Order(3)
  void theLogHasALineAnEventAndNothingThatATerminalObeys() throws Exception {
    var bytes = Files.readAllBytes(vela.data().resolve("vela.log"));
    var log = UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes)).toString();

    assertThat(log.lines()).allMatch(line -> line.startsWith("time=") || line.startsWith("\t"));
    assertThat(log.lines()).noneMatch(line -> line.startsWith(FORGED));
    assertThat(
            log.codePoints()
                .filter(c -> (c < ' ' && c != '\n' && c != '\t') || (c >= 0x7f && c <= 0x9f)))
        .isEmpty();
    assertThat(log).contains("forged").doesNotContain("session failed");
    assertThat(vela.said()).doesNotContain("\u001b");
  }
}
