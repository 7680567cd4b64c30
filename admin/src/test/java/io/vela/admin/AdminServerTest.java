package io.vela.admin;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.vela.config.ConfigException;
import io.vela.config.ConfigException.ConfigError;
import io.vela.config.HttpConfig;
import io.vela.config.LiveConfig;
import io.vela.config.value.BranchName;
import io.vela.config.value.HostPort;
import io.vela.router.TokenRequest;
import io.vela.router.catalog.TokenRight;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** REST over real HTTP, against a scripted router. */
final class AdminServerTest {
  private final FakeRouter router = new FakeRouter();
  private final MetricsPage metrics = new MetricsPage();
  private final HttpClient client = HttpClient.newHttpClient();
  private Optional<ConfigException> brokenFile = Optional.empty();
  private final Health health = new Health(metrics.meters(), Thread::startVirtualThread);
  private AdminServer server;

  @BeforeEach
  void start() throws Exception {
    server = start(HttpConfig.at(new HostPort("127.0.0.1", 0)));
  }

  private AdminServer start(HttpConfig config) throws Exception {
    return AdminServer.start(
        config, router, metrics, new HostPort("127.0.0.1", 6432), this::reload, health);
  }

  private LiveConfig.Change reload() throws ConfigException {
    if (brokenFile.isPresent()) {
      throw brokenFile.get();
    }
    return new LiveConfig.Change(List.of("limits"), List.of("pool"), List.of("listen: in use"));
  }

  @AfterEach
  void stop() {
    server.close();
    client.close();
    assertThat(router.platformThreads).as("calls that would block an event loop").isEmpty();
  }

  @Test
  void healthAndMetricsAreOpen() throws Exception {
    metrics.meters().counter("vela_things").increment();

    assertThat(send("GET", "/healthz", "", "").body())
        .isEqualTo("{\"status\":\"ok\",\"parts\":{}}");
    assertThat(send("GET", "/metrics", "", "").body()).contains("vela_things_total 1.0");
  }

  @Test
  void healthTellsEachPartAndIsDownWhileOneIs() throws Exception {
    var catalogue = new AtomicReference<>(HealthPart.State.up("it answers"));
    health.add("catalogue", catalogue::get);
    health.add("pool", () -> HealthPart.State.up("it can be written"));

    assertThat(json(send("GET", "/healthz", "", "")))
        .isEqualTo(
            new JsonObject(
                """
                {"status": "ok", "parts": {
                  "catalogue": {"status": "ok", "detail": "it answers"},
                  "pool": {"status": "ok", "detail": "it can be written"}}}
                """));

    catalogue.set(HealthPart.State.down("its server has ended"));

    var down =
        Awaitility.await()
            .until(() -> send("GET", "/healthz", "", ""), answer -> answer.statusCode() == 503);
    assertThat(new JsonObject(down.body()).getJsonObject("parts").getJsonObject("catalogue"))
        .isEqualTo(new JsonObject().put("status", "down").put("detail", "its server has ended"));
    assertThat(new JsonObject(down.body()).getString("status")).isEqualTo("down");
    assertThat(send("GET", "/metrics", "", "").body())
        .contains("vela_health{part=\"catalogue\"} 0.0")
        .contains("vela_health{part=\"pool\"} 1.0");
  }

  @Test
  void aPartThatFailsOrDoesNotAnswerIsDownAndIsAskedOnceOnly() throws Exception {
    var asked = new AtomicInteger();
    var hold = new CountDownLatch(1);
    health.add(
        "hangs",
        () -> {
          asked.incrementAndGet();
          hold.await();
          return HealthPart.State.up("at last");
        });
    health.add(
        "fails",
        () -> {
          throw new IOException("/secret/path");
        });

    for (int i = 0; i < 3; i++) {
      var answer = send("GET", "/healthz", "", "");
      assertThat(answer.statusCode()).isEqualTo(503);
      assertThat(answer.body()).contains("no answer within 2 s").doesNotContain("secret");
    }
    assertThat(asked).hasValue(1);
    hold.countDown();
    Awaitility.await().until(() -> send("GET", "/healthz", "", "").body().contains("at last"));
  }

  @Test
  void aGaugeAndACounterOfTheSameNameButTotalAreBothOnThePage() throws Exception {
    metrics.meters().gauge("vela.client.connections", 3);
    metrics.meters().counter("vela.client.connections.total").increment(5);

    assertThat(send("GET", "/metrics", "", "").body())
        .contains("vela_client_connections 3.0")
        .contains("vela_client_connections_total 5.0");
  }

  @Test
  void aReloadSaysWhatBecameOfEachSection() throws Exception {
    var response = post("/v1/reload", "");

    assertThat(response.statusCode()).isEqualTo(200);
    assertThat(json(response))
        .isEqualTo(
            new JsonObject(
                """
                {"applied": ["limits"], "needRestart": ["pool"], "problems": ["listen: in use"]}
                """));
  }

  @Test
  void aConfigurationThatCannotBeUsedIsAProblemThatNamesTheLine() throws Exception {
    brokenFile =
        Optional.of(
            new ConfigException(
                List.of(new ConfigError("vela.yaml", 7, "limits.wake-timeout", "expected more"))));

    var problem = problem(post("/v1/reload", ""), 422);

    assertThat(problem.getString("code")).isEqualTo("invalid-configuration");
    assertThat(problem.getString("detail"))
        .isEqualTo("vela.yaml:7: limits.wake-timeout: expected more");
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "Bearer vela_root_wrong", "Basic dmVsYQ==", "Bearer", "Bearer "})
  void withoutASystemTokenNothingIsShown(String authorization) throws Exception {
    var response = send("GET", "/v1/branches", "", authorization);

    assertThat(response.statusCode()).isEqualTo(401);
    assertThat(response.headers().firstValue("WWW-Authenticate")).contains("Bearer");
    assertThat(problem(response, 401).getString("code")).isEqualTo("unauthorized");
    assertThat(router.calls).doesNotContain("branches");
  }

  @Test
  void aBranchIsCreatedShownPutToSleepWokenAndDeleted() throws Exception {
    var created = post("/v1/branches/pr-1", "{\"baseline\":\"main\",\"suspendAfter\":\"5min\"}");
    assertThat(created.statusCode()).isEqualTo(201);
    assertThat(json(created).getString("suspendAfter")).isEqualTo("5min");

    assertThat(json(get("/v1/branches")).getJsonArray("branches")).hasSize(1);
    assertThat(json(get("/v1/branches/pr-1")))
        .isEqualTo(
            new JsonObject(
                """
                {"name": "pr-1", "id": "c-pr-1", "baseline": "main", "snapshot": "s-1",
                 "state": "suspended", "stateSince": "2026-11-22T08:00:00Z",
                 "createdAt": "2026-11-22T08:00:00Z", "suspendAfter": "5min", "onIdle": "park", "maxBytes": "50%", "network": "none",
                 "sessions": 0, "parked": 2, "waiting": 0, "detail": "", "defaultRole": "app", "defaultDatabase": "shop"}
                """));
    assertThat(json(post("/v1/branches/pr-1/resume", "")).getString("state")).isEqualTo("running");
    assertThat(json(post("/v1/branches/pr-1/suspend", "")).getString("state"))
        .isEqualTo("suspended");
    assertThat(json(get("/v1/branches/pr-1/usage")))
        .isEqualTo(new JsonObject("{\"totalBytes\": 5368709120, \"exclusiveBytes\": 3145728}"));
    assertThat(json(get("/v1/branches/pr-1/why")))
        .isEqualTo(
            new JsonObject(
                """
                {"name": "pr-1", "state": "suspended", "summary": "branch \\"pr-1\\" is asleep",
                 "reasons": ["session 7: app shop"], "sleepsAt": "2026-11-22T08:01:00Z",
                 "durability": "full: nothing acknowledged is lost, whatever crashes",
                 "network": "none: its processes reach nothing outside the branch"}
                """));

    var deleted = request("DELETE", "/v1/branches/pr-1", "");
    assertThat(deleted.statusCode()).isEqualTo(204);
    assertThat(deleted.body()).isEmpty();
    assertThat(get("/v1/branches/pr-1").statusCode()).isEqualTo(404);
  }

  @Test
  void aDeletionSaysWhenPostgresHadToBeEndedByForce() throws Exception {
    router.put("stuck");

    var deleted = request("DELETE", "/v1/branches/stuck", "");

    assertThat(deleted.statusCode()).isEqualTo(200);
    assertThat(json(deleted)).isEqualTo(new JsonObject("{\"stoppedBy\": \"kill\"}"));
  }

  @Test
  void aBranchIsRestartedAndGivenSettingsOfItsOwn() throws Exception {
    router.put("pr-1");

    assertThat(json(post("/v1/branches/pr-1/restart?force=true", "")).getString("state"))
        .isEqualTo("running");
    var body = "{\"onIdle\":\"stay-awake\",\"parkAfter\":\"1min\",\"maxBytes\":\"1536MB\"}";
    assertThat(request("PUT", "/v1/branches/pr-1/settings", body).statusCode()).isEqualTo(200);

    assertThat(router.calls)
        .contains(
            "restart pr-1 true",
            "configure pr-1 BranchSettings[suspendAfter=Optional.empty,"
                + " onIdle=Optional[stay-awake], parkAfter=Optional[PT1M],"
                + " maxBytes=Optional[1536MB]]");
  }

  @Test
  void sessionsAreShownWithWhatKeepsThemFromBeingParked() throws Exception {
    router.put("pr-2");

    assertThat(json(get("/v1/sessions")).getJsonArray("sessions")).hasSize(2);
    assertThat(json(get("/v1/branches/pr-2/sessions")))
        .isEqualTo(
            new JsonObject(
                """
                {"sessions": [
                  {"id": 7, "branch": "pr-2", "description": "app shop", "state": "active",
                   "since": "2026-11-22T08:00:00Z"},
                  {"id": 8, "branch": "pr-2", "description": "app shop", "state": "idle",
                   "since": "2026-11-22T08:00:00Z", "quietSince": "2026-11-22T08:00:01Z",
                   "veto": {"reason": "temporary-objects", "detail": "table t"}}]}
                """));
    assertThat(get("/v1/branches/none/sessions").statusCode()).isEqualTo(404);
  }

  @Test
  void forceReachesTheRouter() throws Exception {
    router.put("busy");

    var refused = post("/v1/branches/busy/suspend", "");
    assertThat(problem(refused, 409).getString("code")).isEqualTo("in-use");
    assertThat(problem(refused, 409).getString("detail"))
        .isEqualTo("branch \"busy\" is in use\nsession 7: app shop");
    assertThat(problem(refused, 409).getString("hint")).contains("--force");
    assertThat(post("/v1/branches/busy/suspend?force=true", "").statusCode()).isEqualTo(200);
    assertThat(request("DELETE", "/v1/branches/busy?force=true", "").statusCode()).isEqualTo(204);
    assertThat(problem(post("/v1/branches/busy/suspend?force=maybe", ""), 400).getString("detail"))
        .isEqualTo("force is true or false, not \"maybe\"");
  }

  @Test
  void theAgentsFailureArrivesWithItsCauseAndHint() throws Exception {
    router.put("broken");

    assertThat(problem(post("/v1/branches/broken/resume", ""), 500).getString("detail"))
        .isEqualTo("branch \"broken\" did not start\nPostgres ended\nFATAL: out of luck");
    var full = problem(post("/v1/branches/full", "{\"baseline\":\"main\"}"), 507);
    assertThat(full.getString("type")).isEqualTo("urn:vela:problem:pool-full");
    assertThat(full.getString("title")).isEqualTo("The pool is full");
    assertThat(full.getString("hint")).isEqualTo("Delete branches or enlarge the pool.");
  }

  @Test
  void whatIsTakenOrAbsentHasItsOwnProblem() throws Exception {
    router.put("pr-1");

    assertThat(problem(post("/v1/branches/pr-1", "{\"baseline\":\"main\"}"), 409).getString("code"))
        .isEqualTo("already-exists");
    assertThat(problem(post("/v1/branches/a", "{\"baseline\":\"b\"}"), 404).getString("code"))
        .isEqualTo("no-such-baseline");
    assertThat(problem(get("/v1/branches/a"), 404).getString("code")).isEqualTo("no-such-branch");
    assertThat(problem(get("/v1/nothing"), 404).getString("code")).isEqualTo("not-found");
    assertThat(problem(post("/v1/branches", ""), 405).getString("code"))
        .isEqualTo("method-not-allowed");
    assertThat(problem(get("/v1/operations/1"), 404).getString("code"))
        .isEqualTo("no-such-operation");
  }

  @Test
  void aMistakeOfVelaItselfShowsNothingOfItsInside() throws Exception {
    var problem = problem(get("/v1/branches/trap"), 500);

    assertThat(problem.getString("code")).isEqualTo("internal");
    assertThat(problem.encode()).doesNotContain("inner secret").doesNotContain("Exception");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '\0',
      textBlock =
          """
          {                                       | the body is not a JSON object
          []                                      | the body is not a JSON object
          "main"                                  | the body is not a JSON object
          {}                                      | "baseline" is missing
          {"baseline": 1}                         | "baseline" is not a text
          {"baseline": "Main"}                    | invalid baseline name "Main": 1 to 63 of a-z, 0-9, '.', '_' and '-', beginning and ending with a letter or digit
          {"baseline": "main", "x": 1}            | unknown member "x"; expected baseline, suspendAfter, onIdle, parkAfter, maxBytes
          {"baseline": "main", "onIdle": "sleep"} | onIdle: expected park, stay-awake or disconnect
          {"baseline": "main", "suspendAfter": "1"} | suspendAfter: "1" is not a duration: a number and ms, s, min, h or d, as 60s or 5min
          {"baseline": "main", "maxBytes": "101%"}  | maxBytes: expected 1% to 100%, or a size such as 10GB
          {"baseline": "main", "suspendAfter": "0s"} | suspendAfter must be more than 0
          """)
  void aMalformedBodyIsAProblemThatSaysWhat(String body, String detail) throws Exception {
    var problem = problem(post("/v1/branches/pr-1", body), 400);

    assertThat(problem.getString("detail")).isEqualTo(detail);
    assertThat(problem.getString("code")).isEqualTo("malformed");
  }

  @ParameterizedTest
  @ValueSource(strings = {"A", "-a", "a%2Fb", "..%2F..%2Fetc", "a%00"})
  void aBranchNameThatCannotBeIsAProblem(String name) throws Exception {
    assertThat(get("/v1/branches/" + name).statusCode()).isEqualTo(400);
    assertThat(router.calls).containsOnly("authorize -");
  }

  @Test
  void aBodyOfMoreThanAMegabyteIsRefused() throws Exception {
    var body = "{\"baseline\":\"" + "a".repeat(1 << 20) + "\"}";

    assertThat(problem(post("/v1/branches/pr-1", body), 413).getString("code"))
        .isEqualTo("too-large");
  }

  @Test
  void anImportIsAnOperationThatCanBeWatched() throws Exception {
    var started =
        post(
            "/v1/baselines",
            "{\"name\":\"prod\",\"from\":\"postgresql://vera@db:7000/\",\"password\":\"pw\"}");

    assertThat(started.statusCode()).isEqualTo(202);
    var operation = ended(json(started).getString("id"));
    assertThat(operation.getString("state")).isEqualTo("succeeded");
    assertThat(operation.getString("phase")).isEqualTo("copying");
    assertThat(operation.getLong("doneBytes")).isEqualTo(50);
    assertThat(operation.getLong("totalBytes")).isEqualTo(100);
    assertThat(router.calls).contains("import prod vera pw db:7000");
  }

  @Test
  void aFailedImportSaysWhy() throws Exception {
    var started = post("/v1/baselines", "{\"name\":\"prod\",\"from\":\"dir:/missing\"}");

    var operation = ended(json(started).getString("id"));
    assertThat(operation.getString("state")).isEqualTo("failed");
    assertThat(operation.getJsonObject("error").getString("code")).isEqualTo("binaries-missing");
    assertThat(operation.getJsonObject("error").getString("hint")).contains("postgresql-13");
  }

  @Test
  void aCancelledImportIsInterrupted() throws Exception {
    var body = "{\"name\":\"prod\",\"from\":\"dir:/slow\"}";
    var id = json(post("/v1/baselines", body)).getString("id");

    assertThat(problem(post("/v1/baselines", body), 409).getString("detail")).contains(id);
    assertThat(request("DELETE", "/v1/operations/" + id, "").statusCode()).isEqualTo(202);
    assertThat(ended(id).getString("state")).isEqualTo("cancelled");
    assertThat(router.interrupted.getCount()).isZero();
  }

  @Test
  void closingCancelsWhatStillRuns() throws Exception {
    post("/v1/baselines", "{\"name\":\"prod\",\"from\":\"dir:/slow\"}");

    server.close();

    assertThat(router.interrupted.await(10, TimeUnit.SECONDS)).isTrue();
  }

  @Test
  void aTokenForABranchComesWithItsConnectionString() throws Exception {
    router.put("pr-1");

    var minted = post("/v1/tokens", "{\"branch\":\"pr-1\"}");

    assertThat(minted.statusCode()).isEqualTo(201);
    assertThat(json(minted))
        .isEqualTo(
            new JsonObject()
                .put("id", "k3f9x2")
                .put("secret", "p+w/d")
                .put("bearer", "vela_k3f9x2_p+w/d")
                .put("roles", new JsonArray().add("app"))
                .put("anyRole", false)
                .put("superuser", false)
                .put("user", "app~k3f9x2")
                .put("host", "127.0.0.1")
                .put("port", 6432)
                .put("database", "shop")
                .put("url", "postgresql://app~k3f9x2:p%2Bw%2Fd@127.0.0.1:6432/shop"));
  }

  @Test
  void aBranchThatAConnectionMayCreateCanHaveATokenBefore() throws Exception {
    assertThat(json(post("/v1/tokens", "{\"branch\":\"new\"}")).getString("url"))
        .isEqualTo("postgresql://app~k3f9x2:p%2Bw%2Fd@127.0.0.1:6432/shop");
    assertThat(problem(post("/v1/tokens", "{\"branch\":\"no-way\"}"), 404).getString("code"))
        .isEqualTo("no-such-branch");
    assertThat(router.calls).filteredOn(call -> call.startsWith("mint")).hasSize(1);
  }

  @Test
  void aTokenIsLimitedAsAskedFor() throws Exception {
    var minted =
        json(
            post(
                "/v1/tokens",
                "{\"branch\":\"pr-1\",\"roles\":[\"r"
                    + " w\"],\"rights\":[\"connect\"],\"database\":\"d\",\"expiresIn\":\"1h\"}"));

    assertThat(minted.getString("url")).contains("//r%20w~k3f9x2:").endsWith("/d");
    assertThat(minted.getInstant("expiresAt")).isNotNull();
    assertThat(router.calls).anyMatch(call -> call.startsWith("mint") && call.contains("r w"));
  }

  @Test
  void aTokenThatMakesNoSenseIsNotMade() throws Exception {
    for (var body :
        List.of(
            "",
            "{\"roles\":[\"app\"]}",
            "{\"system\":true}",
            "{\"system\":false}",
            "{\"system\":1}",
            "{\"system\":true,\"branch\":\"pr-1\"}",
            "{\"branch\":\"pr-1\",\"roles\":[\"app\"],\"anyRole\":true}",
            "{\"branch\":\"pr-1\",\"roles\":[\"app\"],\"role\":\"postgres\"}",
            "{\"branch\":\"pr-1\",\"expiresIn\":\"0s\"}",
            "{\"branch\":\"pr-1\",\"expiresIn\":\"99999999d\"}",
            "{\"branch\":\"pr-1\",\"rights\":[\"fly\"]}",
            "{\"branch\":\"pr-1\",\"roles\":\"app\"}",
            "{\"branch\":\"pr-1\",\"roles\":[1]}",
            "{\"branch\":\"pr-1\",\"baseline\":\"main\"}")) {
      assertThat(post("/v1/tokens", body).statusCode()).as(body).isEqualTo(400);
    }
    assertThat(router.calls).noneMatch(call -> call.startsWith("mint"));
  }

  @Test
  void tokensAreListedWithoutTheirSecretsAndRevoked() throws Exception {
    assertThat(json(get("/v1/tokens")).getJsonArray("tokens").getJsonObject(0))
        .isEqualTo(
            new JsonObject(
                """
                {"id": "k3f9x2", "branch": "pr-1", "roles": ["app"],
                 "rights": ["connect", "create"], "createdAt": "2026-11-22T08:00:00Z",
                 "expiresAt": "2026-11-22T09:00:00Z", "state": "expired"}
                """));
    assertThat(send("DELETE", "/v1/tokens/k3f9x2", "", "Bearer " + FakeRouter.BEARER).statusCode())
        .isEqualTo(204);
    assertThat(router.calls).contains("revoke k3f9x2");
    assertThat(
            problem(send("DELETE", "/v1/tokens/zzzz", "", "Bearer " + FakeRouter.BEARER), 404)
                .getString("code"))
        .isEqualTo("no-such-token");
  }

  @Test
  void aTokenOfABranchIsGoodForThatBranch() throws Exception {
    router.put("pr-1");
    router.put("pr-2");
    var bearer = "Bearer " + FakeRouter.BRANCH_BEARER;
    assertThat(send("GET", "/v1/branches/pr-1", "", bearer).statusCode()).isEqualTo(200);
    assertThat(problem(send("GET", "/v1/branches/pr-2", "", bearer), 403).getString("code"))
        .isEqualTo("forbidden");
    assertThat(send("GET", "/v1/branches", "", bearer).statusCode()).isEqualTo(403);
    assertThat(send("POST", "/v1/tokens", "", bearer).statusCode()).isEqualTo(403);
  }

  @Test
  void aTokenThatConnectsNobodyHasNoConnectionString() throws Exception {
    router.put("pr-1");
    assertThat(
            json(post("/v1/tokens", "{\"branch\":\"pr-1\",\"rights\":[\"admin\"]}")).fieldNames())
        .doesNotContain("url", "user");
  }

  @Test
  void aSystemTokenHasNoConnectionString() throws Exception {
    assertThat(json(post("/v1/tokens", "{\"system\":true,\"rights\":[\"admin\"]}")).fieldNames())
        .containsExactlyInAnyOrder("id", "secret", "bearer", "roles", "anyRole", "superuser");
  }

  @Test
  void whatIsNotAskedForIsNotGranted() throws Exception {
    router.put("pr-1");
    post("/v1/tokens", "{\"branch\":\"pr-1\"}");
    post("/v1/tokens", "{\"branch\":\"pr-1\",\"role\":\"r\"}");
    post("/v1/tokens", "{\"system\":true,\"roles\":[\"r\"],\"expiresIn\":\"never\"}");
    var rights = java.util.Set.of(TokenRight.CONNECT);
    var branch = new TokenRequest.OfBranch(new BranchName("pr-1"));
    var named = new TokenRequest.Named(List.of("r"));

    assertThat(router.calls)
        .filteredOn(call -> call.startsWith("mint"))
        .containsExactly(
            "mint "
                + new TokenRequest(
                    branch, new TokenRequest.Standard(), rights, new TokenRequest.ByPolicy()),
            "mint " + new TokenRequest(branch, named, rights, new TokenRequest.ByPolicy()),
            "mint "
                + new TokenRequest(
                    new TokenRequest.OfSystem(), named, rights, new TokenRequest.Endless()));
  }

  @Test
  void aTokenThatMayCreateItsBranchIsMadeWithoutIt() throws Exception {
    post("/v1/tokens", "{\"branch\":\"later\",\"rights\":[\"connect\",\"create\"]}");

    assertThat(router.calls).anyMatch(call -> call.startsWith("mint"));
    assertThat(router.calls).noneMatch(call -> call.startsWith("create"));
  }

  @Test
  void aTokenIsRotated() throws Exception {
    assertThat(json(post("/v1/tokens/k3f9x2/rotate", "")))
        .isEqualTo(
            new JsonObject()
                .put("id", "k3f9x2")
                .put("secret", "n/w")
                .put("bearer", "vela_k3f9x2_n/w"));
    post("/v1/tokens/k3f9x2/rotate", "{\"expiresIn\":\"1h\"}");
    assertThat(router.calls)
        .contains(
            "rotate k3f9x2 " + Optional.empty(),
            "rotate k3f9x2 " + Optional.of(new TokenRequest.For(Duration.ofHours(1))));
    assertThat(problem(post("/v1/tokens/zzzz/rotate", ""), 409).getString("code"))
        .isEqualTo("token-not-good");
    var ofBranch = "Bearer " + FakeRouter.BRANCH_BEARER;
    assertThat(send("POST", "/v1/tokens/k3f9x2/rotate", "", ofBranch).statusCode()).isEqualTo(403);
  }

  @Test
  void baselinesAndPoolAreShown() throws Exception {
    assertThat(json(get("/v1/baselines")).getJsonArray("baselines").getJsonObject(0))
        .isEqualTo(
            new JsonObject(
                """
                {"name": "main", "snapshot": "s-1", "major": 18, "bytes": 41943040, "clean": true,
                 "createdAt": "2026-11-22T08:00:00Z", "branches": 1,
                 "warm": {"ready": 2, "wanted": 3}, "defaultRole": "app", "defaultDatabase": "shop"}
                """));
    assertThat(json(get("/v1/pool")).getString("driver")).isEqualTo("btrfs");
  }

  @Test
  void anAddressInUseIsAnErrorThatSaysSo() {
    assertThatThrownBy(() -> start(HttpConfig.at(server.address())))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("in use");
  }

  private JsonObject ended(String id) {
    return Awaitility.await()
        .atMost(Duration.ofSeconds(20))
        .until(
            () -> json(get("/v1/operations/" + id)),
            operation -> !operation.getString("state").equals("running"));
  }

  private HttpResponse<String> get(String path) throws Exception {
    return request("GET", path, "");
  }

  private HttpResponse<String> post(String path, String body) throws Exception {
    return request("POST", path, body);
  }

  private HttpResponse<String> request(String method, String path, String body) throws Exception {
    return send(method, path, body, "Bearer " + FakeRouter.BEARER);
  }

  private HttpResponse<String> send(String method, String path, String body, String authorization)
      throws Exception {
    var request =
        HttpRequest.newBuilder(URI.create("http://" + server.address() + path))
            .timeout(Duration.ofSeconds(20))
            .method(
                method, body.isEmpty() ? BodyPublishers.noBody() : BodyPublishers.ofString(body));
    if (!authorization.isEmpty()) {
      request.header("Authorization", authorization);
    }
    return client.send(request.build(), BodyHandlers.ofString());
  }

  private static JsonObject json(HttpResponse<String> response) {
    assertThat(response.statusCode()).as(response.body()).isBetween(200, 299);
    return new JsonObject(response.body());
  }

  private static JsonObject problem(HttpResponse<String> response, int status) {
    assertThat(response.statusCode()).as(response.body()).isEqualTo(status);
    assertThat(response.headers().firstValue("Content-Type")).contains("application/problem+json");
    var problem = new JsonObject(response.body());
    assertThat(problem.getInteger("status")).isEqualTo(status);
    return problem;
  }
}
