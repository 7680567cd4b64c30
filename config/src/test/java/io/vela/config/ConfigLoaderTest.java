package io.vela.config;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import io.vela.config.value.BaselineName;
import io.vela.config.value.BranchName;
import io.vela.config.value.ByteSize;
import io.vela.config.value.HostPort;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

final class ConfigLoaderTest {
  private static final Path HOME = Path.of("/home/vera");
  private static final Path FOLDER = Path.of("/etc/vela");

  private final ConfigLoader loader = new ConfigLoader(HOME);

  @Test
  void theSampleIsTheDefaults() throws Exception {
    assertThat(parse(sample())).isEqualTo(VelaConfig.defaults(HOME.resolve(".vela")));
  }

  @Test
  void anEmptyFileIsTheDefaults() throws Exception {
    assertThat(parse("")).isEqualTo(VelaConfig.defaults(HOME.resolve(".vela")));
    assertThat(parse("# nothing\n")).isEqualTo(VelaConfig.defaults(HOME.resolve(".vela")));
  }

  @Test
  void aKeyWithoutAValueIsAsIfAbsent() throws Exception {
    assertThat(parse("pool:\nlimits:\n  wake-timeout:\n"))
        .isEqualTo(VelaConfig.defaults(HOME.resolve(".vela")));
  }

  @Test
  void whatTheSampleLeavesOutIsValidToo() throws Exception {
    var config = parse(sample().replace("#: ", ""));

    assertThat(config.listen().getFirst().defaultBranch()).contains(new BranchName("dev"));
    assertThat(config.pool().path()).contains(Path.of("/var/lib/vela/pool"));
    assertThat(config.catalogUrl()).contains("postgresql://vela:secret@db.example.com:5432/vela");
  }

  @Test
  void eachDefaultIsAsDocumented() throws Exception {
    var config = parse("");

    assertThat(config.listen())
        .containsExactly(new ListenerConfig(new HostPort("127.0.0.1", 6432), Optional.empty()));
    assertThat(config.http())
        .isEqualTo(
            new HttpConfig(
                new HostPort("127.0.0.1", 6433),
                List.of(),
                HttpConfig.MetricsAccess.OPEN,
                256,
                new ByteSize(64L << 10),
                Duration.ofSeconds(10),
                Duration.ofSeconds(10)));
    assertThat(config.data()).isEqualTo(Path.of("/home/vera/.vela"));
    assertThat(config.pool().driver()).isEqualTo("auto");
    assertThat(config.pool().path()).isEmpty();
    assertThat(config.pool().loopSize()).isEqualTo(new ByteSize(64L << 30));
    assertThat(config.pool().reserve()).isEqualTo(new ByteSize(256L << 20));
    assertThat(config.postgres().searchPath()).isEmpty();
    assertThat(config.postgres().version()).isEqualTo(18);
    assertThat(config.postgres().sharedBuffers()).isEqualTo(new ByteSize(32L << 20));
    assertThat(config.postgres().isolation()).isEqualTo(Isolation.AUTO);
    assertThat(config.catalogUrl()).isEmpty();
    assertThat(config.baselines()).containsOnlyKeys(VelaConfig.MAIN);
    var policy = config.policy(VelaConfig.MAIN);
    assertThat(policy.createOnConnect()).containsExactly("*");
    assertThat(policy.suspendAfter()).isEqualTo(Duration.ofSeconds(60));
    assertThat(policy.durability()).isEqualTo(Durability.RELAXED);
    assertThat(policy.replication()).isFalse();
    assertThat(policy.warm()).isZero();
    assertThat(policy.backends()).isEqualTo(new BackendPolicy(false, 0));
    assertThat(policy.tokens().lifetime()).contains(Duration.ofDays(30));
    assertThat(policy.network()).isEqualTo(Network.NONE);
    assertThat(policy.maxBytes()).isEqualTo(new MaxBytes.Share(50));
    assertThat(config.limits().wakeTimeout()).isEqualTo(Duration.ofSeconds(30));
    assertThat(config.limits().stopTimeout()).isEqualTo(Duration.ofSeconds(60));
    assertThat(config.limits().authenticationTimeout()).isEqualTo(Duration.ofSeconds(15));
    assertThat(config.limits().drainTimeout()).isEqualTo(Duration.ofSeconds(10));
    assertThat(config.limits().startConcurrency()).isEqualTo(16);
    assertThat(config.limits().startupHold()).isEqualTo(new ByteSize(64L << 10));
    assertThat(config.limits().running()).isEqualTo(RunningLimits.NONE);
    assertThat(config.network()).isEqualTo(NetworkConfig.DEFAULT);
  }

  @Test
  void anAddressAloneSetsWhereHttpAnswers() throws Exception {
    assertThat(parse("http: 127.0.0.1:7002").http())
        .isEqualTo(HttpConfig.at(new HostPort("127.0.0.1", 7002)));
    assertThatThrownBy(() -> parse("http: {adress: 127.0.0.1:7002}"))
        .hasMessageContaining("http.adress: unknown key; expected one of address, hosts");
    assertThatThrownBy(() -> parse("http:\n  hosts: [\"vela.example.com:6433\"]"))
        .hasMessageContaining("vela.yaml:2: http.hosts[0]: expected a host name or address");
  }

  @Test
  void certificatesAreMappedToRoles() throws Exception {
    var auth =
        parse(
                """
                listen:
                  - tls: {certificate: c, key: k, client-ca: ca}
                    auth: [cert, token]
                    certificate-roles:
                      ci: [app, migrator]
                      "CN=jo,O=Acme": [jo]
                """)
            .listen()
            .getFirst()
            .auth();

    assertThat(auth.methods())
        .containsExactlyInAnyOrder(AuthConfig.Method.CERT, AuthConfig.Method.TOKEN);
    assertThat(auth.certificateRoles())
        .isEqualTo(
            java.util.Map.of("ci", List.of("app", "migrator"), "CN=jo,O=Acme", List.of("jo")));
  }

  @Test
  void eachKeyReachesItsValue() throws Exception {
    var config =
        parse(
            """
            listen:
              - address: "[::1]:7000"
                default-branch: dev
              - address: 10.0.0.1:7001
                auth: [scram]
            http:
              address: 127.0.0.1:7002
              hosts: [Vela.Example.com, 10.0.0.5, "fd00::5"]
              metrics: token
              max-connections: 9
              max-body: 2kB
              header-timeout: 3s
              body-timeout: 4s
            data: ~/else
            pool: {driver: btrfs, path: pool, loop-size: 1TB, reserve: 2GB}
            postgres:
              search-path: [/opt/pg, ~/pg]
              version: 16
              shared-buffers: 8MB
              isolation: required
            catalog: {url: "postgres://c/d"}
            baselines:
              staging:
                branches:
                  create-on-connect: ["pr-*", dev]
                  suspend-after: 5min
                  durability: none
                  replication: true
                  warm: 5
                  on-idle: stay-awake
                  park-after: 30s
                  answer-pings: false
                  pings: [select 2]
                  unseen-settings: park
                  reuse-backends: true
                  spare-backends: 3
                  token-lifetime: 8h
                  max-bytes: 5GB
                  network: host
                  limits: {memory: 2GB, cpus: 1.5, processes: 300, read-rate: 200MB, write-rate: 100MB}
            limits:
              wake-timeout: 1s
              stop-timeout: 2s
              authentication-timeout: 500ms
              drain-timeout: 7s
              start-concurrency: 3
              startup-hold: 4kB
              max-running: 9
              memory: 1GB
              deletion: {fast: 1s, immediate: 6s, kill: 2s}
            network:
              transport: io_uring
              event-loops: 3
              busy-poll: false
            """);

    assertThat(config)
        .isEqualTo(
            new VelaConfig(
                List.of(
                    new ListenerConfig(
                        new HostPort("::1", 7000), Optional.of(new BranchName("dev"))),
                    new ListenerConfig(new HostPort("10.0.0.1", 7001), Optional.empty())
                        .withAuth(
                            new AuthConfig(
                                java.util.Set.of(AuthConfig.Method.SCRAM), java.util.Map.of()))),
                new HttpConfig(
                    new HostPort("127.0.0.1", 7002),
                    List.of("vela.example.com", "10.0.0.5", "fd00::5"),
                    HttpConfig.MetricsAccess.TOKEN,
                    9,
                    new ByteSize(2L << 10),
                    Duration.ofSeconds(3),
                    Duration.ofSeconds(4)),
                Path.of("/home/vera/else"),
                new PoolConfig(
                    "btrfs",
                    Optional.of(Path.of("/etc/vela/pool")),
                    new ByteSize(1L << 40),
                    new ByteSize(2L << 30)),
                new PostgresConfig(
                    List.of(Path.of("/opt/pg"), Path.of("/home/vera/pg")),
                    16,
                    new ByteSize(8L << 20),
                    Isolation.REQUIRED),
                Optional.of("postgres://c/d"),
                java.util.Map.of(
                    new BaselineName("staging"),
                    new BranchPolicy(
                        List.of("pr-*", "dev"),
                        Duration.ofMinutes(5),
                        Durability.NONE,
                        true,
                        5,
                        new ParkPolicy(
                            ParkPolicy.OnIdle.STAY_AWAKE,
                            Optional.of(Duration.ofSeconds(30)),
                            false,
                            List.of("select 2"),
                            ParkPolicy.UnseenSettings.PARK),
                        new BackendPolicy(true, 3),
                        new TokenPolicy(Optional.of(Duration.ofHours(8))),
                        new MaxBytes.Size(new ByteSize(5L << 30)),
                        Network.HOST,
                        new ResourceLimits(
                            Optional.of(new ByteSize(2L << 30)),
                            Optional.of(1.5),
                            Optional.of(300),
                            Optional.of(new ByteSize(200L << 20)),
                            Optional.of(new ByteSize(100L << 20))))),
                new LimitsConfig(
                    Duration.ofSeconds(1),
                    Duration.ofSeconds(2),
                    Duration.ofMillis(500),
                    Duration.ofSeconds(7),
                    3,
                    new ByteSize(4L << 10),
                    ConnectionLimits.DEFAULT,
                    new RunningLimits(Optional.of(9), Optional.of(new ByteSize(1L << 30))),
                    new DeletionLimits(
                        Duration.ofSeconds(1), Duration.ofSeconds(6), Duration.ofSeconds(2))),
                new NetworkConfig("io_uring", 3, false)));
  }

  @Test
  void aTokenLivesForEverOnlyWhereThePolicySaysSo() throws Exception {
    var config = parse("baselines: {a: {branches: {token-lifetime: never}}}");

    assertThat(config.policy(new BaselineName("a")).tokens().lifetime()).isEmpty();
    assertThat(config.policy(VelaConfig.MAIN).tokens().lifetime()).isPresent();
  }

  @Test
  void createPatternsAreTriedInTheFilesOrder() throws Exception {
    var config = parse("baselines: {zeta: {}, alpha: {}, main: {}}");

    assertThat(config.baselines().keySet())
        .extracting(BaselineName::value)
        .containsExactly("zeta", "alpha", "main");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          poool: 1                         | poool                     | unknown key; expected one of listen, http, data, pool, postgres, catalog, baselines, limits, network
          pool: {drver: copy}              | pool.drver                | unknown key; expected one of driver, path, loop-size, reserve
          pool: {driver: ext4}             | pool.driver               | "ext4" is not a storage driver; expected one of auto, zfs, btrfs, reflink, copy
          pool: copy                       | pool                      | expected a mapping of keys to values
          pool: {driver: [copy]}           | pool.driver               | expected a single value
          pool: {path: " "}                | pool.path                 | expected a path
          pool: {loop-size: 64GiB}         | pool.loop-size            | "64GiB" is not a size: a number and B, kB, MB, GB or TB
          pool: {reserve: -1}              | pool.reserve              | "-1" is not a size: a number and B, kB, MB, GB or TB
          listen: 127.0.0.1:5              | listen                    | expected a list
          listen: []                       | listen                    | expected at least one address
          listen: [{address: nowhere}]     | listen[0].address         | "nowhere" is not host:port
          listen: [{default-branch: A}]    | listen[0].default-branch  | invalid branch name "A": 1 to 63 of a-z, 0-9, '.', '_' and '-', beginning and ending with a letter or digit
          listen: [{tsl: on}]              | listen[0].tsl             | unknown key; expected one of address, default-branch, suffix, tls, proxy-protocol, proxy-protocol-from, max-connections, auth, certificate-roles
          listen: [{port: 1}]              | listen[0].port            | unknown key; expected one of address, default-branch, suffix, tls, proxy-protocol, proxy-protocol-from, max-connections, auth, certificate-roles
          listen: [{auth: [pam]}]          | listen[0].auth[0]         | "pam" is no method; expected one of scram, md5, token, cert, trust
          listen: [{auth: [cert]}]         | listen[0].auth            | cert in auth needs clients' certificates: set tls.client-ca
          listen: [{auth: []}]             | listen[0].auth            | expected at least one method
          listen: [{address: 0.0.0.0:1, auth: [trust]}] | listen[0].auth | trust is possible on a loopback address only, and 0.0.0.0:1 is none
          listen: [{address: db:1, auth: [trust]}] | listen[0].auth | trust is possible on a loopback address only, and db:1 is none
          listen: [{certificate-roles: {ci: [app]}}] | listen[0].certificate-roles | without cert in auth nothing uses them
          http: a:70000                    | http                      | port 70000 is not between 0 and 65535
          postgres: {version: 9}           | postgres.version          | Postgres 9 is not supported: 14 or later
          postgres: {version: new}         | postgres.version          | "new" is not a whole number
          postgres: {shared-buffers: 1kB}  | postgres.shared-buffers   | shared-buffers must be at least 128kB
          catalog: {url: 'mysql://x'}      | catalog.url               | expected postgresql://USER:PASSWORD@HOST:PORT/DATABASE
          baselines: {Main: {}}            | baselines.Main            | not a baseline name; expected 1 to 63 of a-z, 0-9, '.', '_' and '-', beginning and ending with a letter or digit
          baselines: {a: {branchs: {}}}    | baselines.a.branchs       | unknown key; expected one of branches
          baselines: {a: {branches: {suspend-after: 5}}} | baselines.a.branches.suspend-after | "5" is not a duration: a number and ms, s, min, h or d, as 60s or 5min
          baselines: {a: {branches: {suspend-after: 0s}}} | baselines.a.branches.suspend-after | expected more than 0: a number and ms, s, min, h or d, as 60s or 5min
          baselines: {a: {branches: {replication: maybe}}} | baselines.a.branches.replication | expected true or false
          baselines: {a: {branches: {durability: some}}} | baselines.a.branches.durability | "some" is not a durability; expected full, async, relaxed or none
          baselines: {a: {branches: {create-on-connect: [PR]}}} | baselines.a.branches.create-on-connect[0] | "PR" is not a pattern of branch names (a-z, 0-9, '.', '_', '-', '*')
          limits: {start-concurrency: 0}   | limits.start-concurrency  | expected at least 1
          baselines: {a: {branches: {warm: -1}}} | baselines.a.branches.warm | expected 0 to 1000
          baselines: {a: {branches: {spare-backends: 17}}} | baselines.a.branches.spare-backends | expected 0 to 16
          baselines: {a: {branches: {token-lifetime: 0s}}} | baselines.a.branches.token-lifetime | expected more than 0 and at most 36500d, or never
          baselines: {a: {branches: {token-lifetime: 36501d}}} | baselines.a.branches.token-lifetime | expected more than 0 and at most 36500d, or never
          baselines: {a: {branches: {network: "yes"}}} | baselines.a.branches.network | expected none or host
          baselines: {a: {branches: {limits: {memory: 1MB}}}} | baselines.a.branches.limits.memory | expected at least 32MB
          baselines: {a: {branches: {limits: {cpus: NaN}}}} | baselines.a.branches.limits.cpus | expected a number of processors, as 1.5
          baselines: {a: {branches: {limits: {processes: 3}}}} | baselines.a.branches.limits.processes | expected at least 20
          baselines: {a: {branches: {limits: {write-rate: 0MB}}}} | baselines.a.branches.limits.write-rate | expected more than 0 bytes a second
          baselines: {a: {branches: {max-bytes: 101%}}} | baselines.a.branches.max-bytes | expected 1% to 100%, or a size such as 10GB
          limits: {max-running: 0}         | limits.max-running        | expected at least 1
          limits: {memory: 51MB}           | limits.memory             | 51MB is less than one instance is counted with: 52MB (postgres.shared-buffers and 20MB)
          limits: {startup-hold: 0B}       | limits.startup-hold       | expected at least 1
          limits: {wake-timeout: 0ms}      | limits.wake-timeout       | expected more than 0: a number and ms, s, min, h or d, as 60s or 5min
          network: {transport: kqueue}     | network.transport         | "kqueue" is not a transport; expected one of auto, epoll, io_uring, nio
          network: {event-loops: 0}        | network.event-loops       | expected at least 1
          network: {event-loops: 4444}     | network.event-loops       | expected auto or 1 to 1024
          network: {busy-poll: yes}        | network.busy-poll         | expected true or false
          {http: 'a:1', http: 'b:1'}       | http                      | the key is there twice
          """,
      quoteCharacter = '\0')
  void eachErrorNamesFileLinePathAndWhatWasExpected(String yaml, String path, String problem) {
    var failure = catchThrowableOfType(ConfigException.class, () -> parse("# a comment\n" + yaml));

    assertThat(failure.errors())
        .containsExactly(new ConfigException.ConfigError("vela.yaml", 2, path, problem));
    assertThat(failure).hasMessage("vela.yaml:2: " + path + ": " + problem);
  }

  @Test
  void allErrorsAreReportedAtOnceInTheFilesOrder() {
    assertThatThrownBy(
            () ->
                parse(
                    """
                    limits:
                      wake-timeout: soon
                    pool:
                      driver: ext4
                      size: 3
                    http: here
                    """))
        .isInstanceOf(ConfigException.class)
        .message()
        .satisfies(
            message ->
                assertThat(message.lines().map(line -> line.substring(0, 12)))
                    .containsExactly(
                        "vela.yaml:2:", "vela.yaml:4:", "vela.yaml:5:", "vela.yaml:6:"));
  }

  @Test
  void whatIsNotYamlIsAnErrorWithItsLine() {
    var failure = catchThrowableOfType(ConfigException.class, () -> parse("a: b\nc: [d\n"));

    assertThat(failure.errors())
        .singleElement()
        .satisfies(
            error -> {
              assertThat(error.line()).isGreaterThan(1);
              assertThat(error.problem()).startsWith("not YAML: ");
            });
  }

  @Test
  void aDocumentThatIsAListIsAnError() {
    assertThatThrownBy(() -> parse("- a\n"))
        .hasMessage("vela.yaml:1: expected a mapping of keys to values");
  }

  @Test
  void aMissingFileIsAnErrorThatNamesIt(@TempDir Path folder) {
    assertThatThrownBy(() -> loader.load(folder.resolve("absent.yaml")))
        .isInstanceOf(ConfigException.class)
        .hasMessage(folder.resolve("absent.yaml") + ": the file does not exist");
  }

  @Test
  void aPathInAFileIsRelativeToItsFolder(@TempDir Path folder) throws Exception {
    var file = Files.writeString(folder.resolve("vela.yaml"), "data: here\n");

    assertThat(loader.load(file).data()).isEqualTo(folder.resolve("here"));
  }

  private VelaConfig parse(String text) throws ConfigException {
    return loader.parse("vela.yaml", FOLDER, text);
  }

  private static String sample() throws IOException {
    try (var in = ConfigLoader.class.getResourceAsStream("vela.yaml")) {
      assertThat(in).isNotNull();
      return new String(in.readAllBytes(), UTF_8);
    }
  }
}
