package io.vela.it;

import static org.assertj.core.api.Assertions.assertThat;

import io.vela.it.support.Machine;
import io.vela.it.support.Run;
import io.vela.it.support.Scratch;
import io.vela.it.support.Vela;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** What is printed as a connection string opens one branch to one role, as psql sees it. */
final class TokensGrantLittleTest {
  private static final Pattern LOGIN =
      Pattern.compile("postgresql://(?<role>[^~:]+)~(?<id>[a-z0-9]+):(?<secret>[^@]+)@");

  private static Scratch scratch;
  private static Vela vela;

  @BeforeAll
  static void start() {
    scratch = new Scratch();
    vela = Vela.start(scratch.data(), "--demo");
  }

  @AfterAll
  static void stop() throws Exception {
    vela.close();
    scratch.close();
  }

  private static Matcher login(String text) {
    var login = LOGIN.matcher(text);
    assertThat(login.find()).as(text).isTrue();
    return login;
  }

  private static Run.Outcome psql(String user, String secret, String database) {
    return vela.psql(user, secret, database, "-c", "SELECT current_user");
  }

  private static void refusedAsWrongPassword(String user, String secret, String database) {
    var refused = psql(user, secret, database);
    assertThat(refused.code()).isEqualTo(2);
    assertThat(refused.err())
        .contains("FATAL:  password authentication failed for user \"" + user + "\"");
  }

  private static String log() throws IOException {
    return Files.readString(vela.data().resolve("vela.log"));
  }

  @Test
  void aUrlIsGoodForItsOneRoleOfItsOneBranchOnly() throws Exception {
    var printed = vela.cli("url", "pr-1");
    var login = login(printed.text());
    var id = login.group("id");
    var secret = login.group("secret");
    assertThat(printed.err()).isEmpty();
    assertThat(login.group("role")).isEqualTo("app");
    assertThat(psql("app~" + id, secret, "app").text()).isEqualTo("app");

    for (var other : List.of("postgres", "nobody", "pg_read_all_data")) {
      refusedAsWrongPassword(other + "~" + id, secret, "app");
    }
    assertThat(psql("postgres", "", "app@vela_" + id + "_" + secret).err())
        .contains("the token is not valid");
    assertThat(psql("app~" + id, secret, "app@pr-2").err())
        .contains("the token does not grant branch");
    assertThat(vela.state("pr-2")).isEqualTo("absent");
    assertThat(log()).contains("cause=\"token " + id + ": not for this role\"");
  }

  @Test
  void aSuperuserIsNamedAndSaid() {
    var printed = vela.cli("url", "pr-1", "--role", "postgres", "--expires-in", "1h");

    assertThat(printed.err()).contains("\"postgres\" is a superuser");
    assertThat(Run.program(Machine.psql(), printed.text(), "-XAtqc", "SHOW is_superuser").text())
        .isEqualTo("on");
    refusedAsWrongPassword(
        "app~" + login(printed.text()).group("id"), login(printed.text()).group("secret"), "app");
  }

  @Test
  void whatUpPrintsMakesDevAndOpensNothingElse() throws Exception {
    var ready = vela.said().lines().filter(line -> line.startsWith("ready")).findFirst();
    var login = login(ready.orElseThrow());
    var id = login.group("id");
    var secret = login.group("secret");
    var admin = Files.readString(vela.data().resolve("client.json"));
    assertThat(admin).doesNotContain(secret);
    assertThat(vela.state("dev")).isEqualTo("absent");

    var pasted = ready.orElseThrow().substring("ready".length()) + " -XAtqc 'SELECT current_user'";
    assertThat(Run.program(Map.of("PATH", path()), List.of("bash", "-c", pasted)).text())
        .isEqualTo("app");

    refusedAsWrongPassword("postgres~" + id, secret, "app@dev");
    assertThat(psql("app~" + id, secret, "app@other").err())
        .contains("the token does not grant branch");
    assertThat(vela.state("other")).isEqualTo("absent");
    var asAdmin = Map.of("VELA_URL", vela.httpUrl(), "VELA_TOKEN", "vela_" + id + "_" + secret);
    assertThat(vela.cli(asAdmin, "branch", "list").err()).contains("admin");
    assertThat(vela.cli("token", "list").text())
        .containsPattern("(?m)^" + id + " +branch dev +connect,create +app .* good");
  }

  private static String path() {
    return Path.of(Machine.psql()).getParent() + ":/usr/bin:/bin";
  }

  @Test
  void theAdminTokenIsNoPasswordAndIsRotatedWithItsFile() throws Exception {
    var file = vela.data().resolve("client.json");
    var old = bearer(file);
    for (var role : List.of("app", "postgres")) {
      var refused = psql(role + "~" + old.group("id"), old.group("secret"), "app@pr-1");
      assertThat(refused.code()).isEqualTo(2);
      assertThat(refused.err()).contains("the token does not grant the right to connect");
    }

    vela.cli("token", "rotate", old.group("id")).text();

    assertThat(bearer(file).group("id")).isEqualTo(old.group("id"));
    assertThat(bearer(file).group("secret")).isNotEqualTo(old.group("secret"));
    assertThat(Files.getPosixFilePermissions(file))
        .isEqualTo(PosixFilePermissions.fromString("rw-------"));
    vela.cli("branch", "list").text();
    var before = Map.of("VELA_URL", vela.httpUrl(), "VELA_TOKEN", old.group());
    assertThat(vela.cli(before, "branch", "list").err()).contains("the token is not valid");
    assertThat(log()).contains("cause=\"token " + old.group("id") + ": wrong secret\"");
  }

  private static Matcher bearer(Path file) throws IOException {
    var bearer =
        Pattern.compile("vela_(?<id>[a-z0-9]+)_(?<secret>[A-Za-z0-9]+)")
            .matcher(Files.readString(file));
    assertThat(bearer.find()).isTrue();
    return bearer;
  }

  @Test
  void whatIsRotatedRevokedOrExpiredLetsNobodyInAndTheLogSaysWhich() throws Exception {
    var login = login(vela.cli("url", "ends").text());
    var id = login.group("id");
    var user = "app~" + id;
    var rotated = vela.cli("token", "rotate", id, "--json").text();
    var secret = Pattern.compile("\"secret\" : \"([^\"]+)\"").matcher(rotated);
    assertThat(secret.find()).isTrue();
    refusedAsWrongPassword(user, login.group("secret"), "app");
    assertThat(psql(user, secret.group(1), "app").text()).isEqualTo("app");

    vela.cli("token", "revoke", id).text();
    refusedAsWrongPassword(user, secret.group(1), "app");
    assertThat(log()).contains("cause=\"token " + id + ": revoked\"");

    var brief = login(vela.cli("url", "ends", "--expires-in", "1ms").text());
    refusedAsWrongPassword("app~" + brief.group("id"), brief.group("secret"), "app");
    assertThat(log()).contains("cause=\"token " + brief.group("id") + ": expired\"");

    refusedAsWrongPassword("app~zzzzzz", "secret", "app@ends");
    assertThat(log()).contains("cause=\"token zzzzzz: unknown\"");
    assertThat(vela.cli("token", "list").text())
        .containsPattern("(?m)^" + id + " .* revoked$")
        .containsPattern("(?m)^" + brief.group("id") + " .* expired$");
  }
}
