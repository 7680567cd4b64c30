package io.vela.cli;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.vela.admin.AdminServer;
import io.vela.admin.FakeRouter;
import io.vela.admin.Health;
import io.vela.admin.MetricsPage;
import io.vela.cli.client.ClientFile;
import io.vela.config.HttpConfig;
import io.vela.config.LiveConfig;
import io.vela.config.value.HostPort;
import io.vela.config.value.Secret;
import io.vertx.core.json.JsonObject;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The verbs as real processes, against a real admin server over a scripted router. */
final class VerbsTest {
  private final FakeRouter router = new FakeRouter();

  @TempDir private Path folder;
  private Path data;
  private AdminServer server;
  private LiveConfig.Change reloaded = new LiveConfig.Change(List.of(), List.of(), List.of());

  /** How a process ended. */
  private record Ended(int code, String out, String err) {}

  @BeforeEach
  void start() throws Exception {
    data = Files.createDirectory(folder.resolve("data"));
    var proxy = new HostPort("127.0.0.1", 6432);
    var metrics = new MetricsPage();
    server =
        AdminServer.start(
            HttpConfig.at(new HostPort("127.0.0.1", 0)),
            router,
            metrics,
            proxy,
            () -> reloaded,
            new Health(metrics.meters(), Thread::startVirtualThread));
    new ClientFile("http://" + server.address(), proxy, new Secret(FakeRouter.BEARER)).write(data);
  }

  @AfterEach
  void stop() {
    server.close();
  }

  @Test
  void onlyTheOwnerMayReadTheToken() throws Exception {
    assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(file())))
        .isEqualTo("rw-------");
  }

  @Test
  void aBranchIsCreatedListedShownPutToSleepWokenAndDeleted() throws Exception {
    var created = vela("branch", "create", "pr-1", "--suspend-after", "5min");
    assertThat(created).isEqualTo(new Ended(0, "created pr-1\n", ""));
    assertThat(router.calls).contains("create pr-1 from main Optional[PT5M]");

    assertThat(vela("branch", "list").out().lines())
        .hasSize(2)
        .last()
        .asString()
        .matches("pr-1 +suspended +\\S+ \\S+ +0 +2 +main +5min");
    assertThat(vela("branch", "show", "pr-1").out())
        .contains("baseline       main\n")
        .contains("takes          3MB of its own, 5GB with what it shares\n");
    assertThat(vela("branch", "resume", "pr-1").out()).isEqualTo("resumed pr-1\n");
    assertThat(vela("branch", "suspend", "pr-1").out()).isEqualTo("suspended pr-1\n");
    assertThat(vela("branch", "delete", "pr-1").out()).isEqualTo("deleted pr-1\n");
    assertThat(router.calls).contains("delete pr-1 false");

    router.put("stuck");
    assertThat(vela("branch", "delete", "stuck").out())
        .isEqualTo("deleted stuck\nits Postgres did not stop by itself: kill\n");
  }

  @Test
  void aBranchIsRestartedAndHasItsOwnWayWithIdleSessions() throws Exception {
    assertThat(vela("branch", "create", "pr-1", "--on-idle", "disconnect", "--park-after", "1min"))
        .isEqualTo(new Ended(0, "created pr-1\n", ""));
    assertThat(vela("branch", "restart", "pr-1").out()).isEqualTo("restarted pr-1\n");
    assertThat(vela("branch", "set", "pr-1", "--on-idle", "stay-awake", "--max-bytes", "2GB").out())
        .isEqualTo("changed pr-1\n");

    assertThat(router.calls)
        .contains(
            "restart pr-1 false",
            "configure pr-1 BranchSettings[suspendAfter=Optional.empty,"
                + " onIdle=Optional[stay-awake], parkAfter=Optional.empty,"
                + " maxBytes=Optional[2GB]]");
    assertThat(vela("branch", "show", "pr-1").out())
        .contains("on idle        park\n")
        .contains("may take       50%\n")
        .contains("network        none\n")
        .contains("sessions       0, parked 2\n");
  }

  @Test
  void sessionsAreListedWithWhatKeepsThemFromBeingParked() throws Exception {
    router.put("pr-2");

    assertThat(vela("session", "list").out()).contains("pr-1");
    assertThat(vela("session", "list", "pr-2").out().lines())
        .hasSize(3)
        .last()
        .asString()
        .matches("8 +pr-2 +idle +\\S+ \\S+ +\\S+ \\S+ +app shop +temporary-objects: table t");
    assertThat(json("session", "list").getJsonArray("sessions")).hasSize(2);
  }

  @Test
  void eachVerbPrintsJsonForPrograms() throws Exception {
    router.put("pr-1");

    assertThat(json("branch", "list").getJsonArray("branches").getJsonObject(0))
        .isEqualTo(json("branch", "resume", "pr-1").put("state", "suspended"));
    assertThat(json("branch", "show", "pr-1").getJsonObject("usage"))
        .isEqualTo(new JsonObject().put("totalBytes", 5L << 30).put("exclusiveBytes", 3 << 20));
    assertThat(json("why", "pr-1").getString("sleepsAt")).isEqualTo("2026-11-22T08:01:00Z");
    assertThat(
            json("baseline", "list").getJsonArray("baselines").getJsonObject(0).getInteger("major"))
        .isEqualTo(18);
    assertThat(json("baseline", "import", "prod", "--from", "dir:/x").getString("state"))
        .isEqualTo("succeeded");
    assertThat(json("url", "pr-1").getString("jdbcUrl")).startsWith("jdbc:postgresql://");
    assertThat(json("branch", "delete", "pr-1")).isEqualTo(new JsonObject("{\"name\":\"pr-1\"}"));
  }

  @Test
  void whySaysWhatKeepsABranchAwakeAndWhenItSleeps() throws Exception {
    router.put("pr-1");

    assertThat(vela("why", "pr-1").out())
        .startsWith("branch \"pr-1\" is asleep\n  session 7: app shop\nsleeps at ")
        .contains("\ndurability full: nothing acknowledged is lost, whatever crashes\n")
        .endsWith("\nnetwork none: its processes reach nothing outside the branch\n");
  }

  @Test
  void reloadSaysWhatIsInForceAndWhatNeedsARestart() throws Exception {
    assertThat(vela("reload"))
        .isEqualTo(new Ended(0, "nothing else has changed; certificates were read again\n", ""));

    reloaded = new LiveConfig.Change(List.of("listen", "limits"), List.of("pool"), List.of());
    assertThat(vela("reload"))
        .isEqualTo(
            new Ended(
                0,
                "applied: listen, limits\nchanged, but in force only after a restart: pool\n",
                ""));

    reloaded = new LiveConfig.Change(List.of(), List.of(), List.of("in use"));
    assertThat(vela("reload")).isEqualTo(new Ended(1, "", "vela: not applied: in use\n"));
  }

  @Test
  void aUrlIsPrintedForAnyClientAndForJdbc() throws Exception {
    assertThat(vela("url", "pr-1").out())
        .isEqualTo("postgresql://app~k3f9x2:p%2Bw%2Fd@127.0.0.1:6432/shop\n");
    assertThat(vela("url", "--jdbc", "pr-1").out())
        .isEqualTo("jdbc:postgresql://127.0.0.1:6432/shop?user=app~k3f9x2&password=p%2Bw%2Fd\n");
    assertThat(vela("url", "pr-1", "--role", "r", "--database", "d").out())
        .isEqualTo("postgresql://r~k3f9x2:p%2Bw%2Fd@127.0.0.1:6432/d\n");
  }

  @Test
  void aSuperuserIsSaidOnTheErrorOutputAndTheUrlStaysClean() throws Exception {
    router.put("pr-1");
    assertThat(vela("url", "pr-1").err()).isEmpty();
    var named = vela("url", "pr-1", "--role", "postgres", "--expires-in", "2h");
    assertThat(named.out())
        .isEqualTo("postgresql://postgres~k3f9x2:p%2Bw%2Fd@127.0.0.1:6432/shop\n");
    assertThat(named.err()).startsWith("vela: note: \"postgres\" is a superuser");
    assertThat(router.calls)
        .anyMatch(call -> call.contains("names=[postgres]") && call.contains("For[time=PT2H]"));
    assertThat(vela("token", "create", "--branch", "pr-1", "--any-role").err())
        .startsWith("vela: note: a superuser");
  }

  @Test
  void aTokenIsMadeListedAndRevoked() throws Exception {
    router.put("pr-1");
    assertThat(
            vela(
                    "token",
                    "create",
                    "--branch",
                    "pr-1",
                    "--role",
                    "app",
                    "--role",
                    "ci",
                    "--right",
                    "connect",
                    "--right",
                    "create",
                    "--expires-in",
                    "1h")
                .out())
        .startsWith(
            "id       k3f9x2\nsecret   p+w/d\nbearer   vela_k3f9x2_p+w/d\nroles    app,ci\nurl  ")
        .contains("\nexpires  ");
    assertThat(router.calls).anyMatch(call -> call.contains("names=[app, ci]"));
    assertThat(vela("token", "list").out().lines())
        .hasSize(2)
        .last()
        .asString()
        .matches("k3f9x2 +branch pr-1 +connect,create +app +.* expired");
    assertThat(vela("token", "create").err()).contains("\"system\"");
    assertThat(vela("token", "rotate", "k3f9x2").out())
        .isEqualTo("id       k3f9x2\nsecret   n/w\nbearer   vela_k3f9x2_n/w\n");
    assertThat(vela("token", "rotate", "zzzz").err()).contains("is revoked");
    assertThat(vela("token", "revoke", "k3f9x2")).isEqualTo(new Ended(0, "revoked k3f9x2\n", ""));
    assertThat(vela("token", "revoke", "zzzz").err()).contains("\"zzzz\" does not exist");
    assertThat(vela("token", "revoke", "NO").code()).isEqualTo(2);
    var own = FakeRouter.BEARER.split("_", -1)[1];
    assertThat(vela("token", "revoke", own).err())
        .contains("the one that this command itself uses", "vela token rotate " + own, "--force");
    assertThat(json("token", "list").getJsonArray("tokens")).hasSize(1);
  }

  @Test
  void psqlGetsTheAddressAsArgumentAndThePasswordByTheEnvironment() throws Exception {
    var psql = folder.resolve("psql");
    Files.writeString(
        psql,
        """
        #!/bin/sh
        printf '%s\\n' "$$" "$PGPASSWORD" "$@"
        read line
        echo "$line"
        exit 7
        """);
    Files.setPosixFilePermissions(psql, PosixFilePermissions.fromString("rwx------"));

    var builder =
        command(
            Map.of("PATH", folder + ":/usr/bin:/bin"), "psql", "pr-1", "--", "-c", "SELECT 'a b'");
    var process = builder.start();
    try (var in = process.outputWriter(UTF_8)) {
      in.write("typed\n");
    }
    var ended = ended(process);

    assertThat(ended.out().lines())
        .containsExactly(
            Long.toString(process.pid()),
            "p+w/d",
            "--dbname=host='127.0.0.1' port=6432 user='app~k3f9x2' dbname='shop'",
            "-c",
            "SELECT 'a b'",
            "typed");
    assertThat(ended.code()).isEqualTo(7);
  }

  @Test
  void withoutPsqlTheMessageNamesItsPackage() throws Exception {
    var ended = ended(command(Map.of("PATH", folder.toString()), "psql", "pr-1").start());

    assertThat(ended.code()).isEqualTo(1);
    assertThat(ended.err()).contains("psql was not found").contains("postgresql-client");
  }

  @Test
  void whatTheServerRefusesIsToldWithItsHintAndCode1() throws Exception {
    router.put("busy");

    assertThat(vela("branch", "suspend", "busy"))
        .isEqualTo(
            new Ended(
                1,
                "",
                """
                vela: branch "busy" is in use
                session 7: app shop
                hint: With --force (?force=true) those that use it are disconnected.
                """));
    assertThat(vela("branch", "suspend", "busy", "--force").code()).isZero();
    assertThat(vela("branch", "show", "absent").err())
        .startsWith("vela: branch \"absent\" does not exist\nhint: ");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "nothing",
        "branch",
        "branch show",
        "branch show A",
        "branch list --wrong",
        "branch create a --suspend-after 5",
        "branch create a --on-idle sleep",
        "baseline import a",
        "up --listen nowhere"
      })
  void wrongUsageIsCode2(String arguments) throws Exception {
    var ended = vela(arguments.isEmpty() ? new String[0] : arguments.split(" ", -1));

    assertThat(ended.code()).isEqualTo(2);
    assertThat(ended.out()).isEmpty();
    assertThat(ended.err()).isNotEmpty();
  }

  @Test
  void withoutAServerTheMessageSaysWhereItWasLookedFor() throws Exception {
    server.close();
    assertThat(vela("branch", "list"))
        .isEqualTo(
            new Ended(
                1,
                "",
                """
                vela: no Vela answers at http://%s
                hint: Is it running? Start it with "vela up".
                """
                    .formatted(server.address())));

    var elsewhere = vela("branch", "list", "--data", folder.resolve("none").toString());
    assertThat(elsewhere.code()).isEqualTo(1);
    assertThat(elsewhere.err())
        .startsWith("vela: no Vela was started with the data directory " + folder.resolve("none"));
  }

  @Test
  void theServerCanBeNamedByUrlAndToken() throws Exception {
    var url = "http://" + server.address() + "/";
    var environment =
        Map.of("VELA_URL", url, "VELA_TOKEN", FakeRouter.BEARER, "VELA_DATA", "/none");

    assertThat(ended(command(environment, "branch", "list").start()).code()).isZero();
    assertThat(ended(command(Map.of("VELA_URL", url), "branch", "list").start()).err())
        .startsWith("vela: VELA_URL is set and VELA_TOKEN is not");
    assertThat(
            ended(
                    command(
                            Map.of("VELA_URL", url, "VELA_TOKEN", "vela_root_wrong"),
                            "branch",
                            "list")
                        .start())
                .err())
        .startsWith("vela: the token is not valid");
  }

  @Test
  void aDamagedClientFileIsSaidToBe() throws Exception {
    Files.writeString(file(), "{}");

    assertThat(vela("branch", "list").err()).contains("client.json is damaged");
  }

  @Test
  void anImportTakesItsPasswordFromUrlEnvironmentOrFile() throws Exception {
    var pgpass =
        Files.writeString(
            folder.resolve("pgpass"), "other:*:*:*:no\ndb:5432:*:v\\:a:from\\\\file\n");
    Files.setPosixFilePermissions(pgpass, PosixFilePermissions.fromString("rw-------"));
    var environment = Map.of("PGPASSFILE", pgpass.toString());

    vela("baseline", "import", "a", "--from", "postgresql://u:from%40url@db/");
    ended(
        command(
                Map.of("PGPASSWORD", "from env"),
                "baseline",
                "import",
                "b",
                "--from",
                "postgresql://u@db/")
            .start());
    ended(
        command(environment, "baseline", "import", "c", "--from", "postgresql://v%3Aa@db/")
            .start());
    ended(command(environment, "baseline", "import", "d", "--from", "postgresql://u@db/").start());

    assertThat(router.calls)
        .contains(
            "import a u from@url db:5432",
            "import b u from env db:5432",
            "import c v:a from\\file db:5432",
            "import d u - db:5432");
  }

  @Test
  void aFailedImportIsToldWithItsHint() throws Exception {
    var ended = vela("baseline", "import", "a", "--from", "dir:/missing");

    assertThat(ended.code()).isEqualTo(1);
    assertThat(ended.err())
        .contains("no postgres of Postgres 13 was found")
        .contains("hint: Install the package postgresql-13");
    assertThat(vela("baseline", "import", "a", "--from", "ftp://x").err())
        .startsWith("vela: --from: a source is postgresql://");
  }

  @Test
  void interruptingAnImportCancelsItAtTheServer() throws Exception {
    var builder = command(Map.of(), "baseline", "import", "a", "--from", "dir:/slow");
    // In the background of a script, where these tests may run, a shell has it ignored.
    builder.command().addAll(0, List.of("env", "--default-signal=INT"));
    var process = builder.start();
    try (var err = process.errorReader(UTF_8)) {
      // Whether it says "starting" before depends on when the server is asked.
      assertThat(err.lines().dropWhile("starting"::equals).findFirst()).contains("copying");
      new ProcessBuilder("kill", "-INT", Long.toString(process.pid())).start().waitFor();

      assertThat(router.interrupted.await(20, TimeUnit.SECONDS)).isTrue();
      assertThat(err.lines().toList()).last().isEqualTo("vela: the import was cancelled");
      assertThat(process.waitFor(20, TimeUnit.SECONDS)).isTrue();
      assertThat(process.exitValue()).isEqualTo(130);
    }
  }

  @Test
  void versionHelpAndCompletionNeedNoServer() throws Exception {
    server.close();

    assertThat(vela("--version").out()).matches("vela \\d+\\.\\d+\\.\\d+\\S*\n");
    assertThat(vela("--help").out()).contains("baseline", "branch", "psql", "up", "url", "why");
    assertThat(vela("branch", "delete", "--help").out()).contains("--force");
    assertThat(vela("generate-completion").out()).contains("complete -F");
  }

  @Test
  void aClientStartsNoServerClassesAndNoLogging() throws Exception {
    var builder = command(Map.of(), "branch", "list");
    builder.command().add(1, "-Xlog:class+load:stderr");
    var ended = ended(builder.start());

    assertThat(ended.code()).isZero();
    assertThat(ended.err())
        .contains("io.vela.cli.client.VelaClient")
        .doesNotContain("ch.qos.logback")
        // One class of its buffers is in a signature of Vert.x's JSON; nothing of it may start.
        .doesNotContain("io.netty.util")
        .doesNotContain("io.netty.channel")
        .doesNotContain("java.net.http")
        .doesNotContain("io.vertx.core.impl.VertxImpl")
        .doesNotContain("io.vela.admin.AdminServer");
  }

  private Path file() {
    return data.resolve("client.json");
  }

  private JsonObject json(String... arguments) throws Exception {
    var all = new ArrayList<>(List.of(arguments));
    all.add("--json");
    var ended = vela(all.toArray(String[]::new));
    assertThat(ended.code()).as(ended.err()).isZero();
    return new JsonObject(ended.out());
  }

  private Ended vela(String... arguments) throws Exception {
    return ended(command(Map.of(), arguments).start());
  }

  private ProcessBuilder command(Map<String, String> environment, String... arguments) {
    var command = new ArrayList<String>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(
        List.of(
            "-XX:+UseSerialGC",
            "-XX:TieredStopAtLevel=1",
            "--enable-native-access=ALL-UNNAMED",
            "-cp",
            System.getProperty("java.class.path"),
            "io.vela.cli.Vela"));
    command.addAll(List.of(arguments));
    var builder = new ProcessBuilder(command);
    builder
        .environment()
        .keySet()
        .removeIf(name -> name.startsWith("PG") || name.startsWith("VELA"));
    builder.environment().put("VELA_DATA", data.toString());
    builder.environment().putAll(environment);
    return builder;
  }

  private static Ended ended(Process process) throws InterruptedException {
    var err =
        CompletableFuture.supplyAsync(
            () -> text(process.getErrorStream()), command -> Thread.ofVirtual().start(command));
    var out = text(process.getInputStream());
    assertThat(process.waitFor(60, TimeUnit.SECONDS)).isTrue();
    return new Ended(process.exitValue(), out, err.join());
  }

  private static String text(InputStream stream) {
    try (stream) {
      return new String(stream.readAllBytes(), UTF_8);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
