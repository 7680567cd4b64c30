package io.vela.config;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.vela.config.ConfigException.ConfigError;
import io.vela.config.ConnectionLimits.Keepalive;
import io.vela.config.value.BaselineName;
import io.vela.config.value.ByteSize;
import io.vela.config.value.Durations;
import io.vela.config.value.HostPort;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.snakeyaml.engine.v2.api.LoadSettings;
import org.snakeyaml.engine.v2.api.lowlevel.Compose;
import org.snakeyaml.engine.v2.api.lowlevel.Parse;
import org.snakeyaml.engine.v2.exceptions.MarkedYamlEngineException;
import org.snakeyaml.engine.v2.exceptions.YamlEngineException;
import org.snakeyaml.engine.v2.nodes.Node;

/**
 * Reads {@code vela.yaml}. Every error is reported, each with file, line, path and what was
 * expected. Paths in the file may begin with {@code ~/} and are otherwise relative to its folder.
 */
public final class ConfigLoader {
  private final Path home;

  /**
   * @param home the user's home, for {@code ~/}
   */
  public ConfigLoader(Path home) {
    this.home = home;
  }

  /** The data directory when none is named. */
  public Path defaultData() {
    return home.resolve(".vela");
  }

  /** Reads a file. Blocks. */
  public VelaConfig load(Path file) throws ConfigException {
    try {
      return parse(file.toString(), file.toAbsolutePath().resolveSibling(""), text(file));
    } catch (NoSuchFileException e) {
      throw failed(file.toString(), 0, "the file does not exist");
    } catch (CharacterCodingException e) {
      throw failed(file.toString(), 0, "the file is not UTF-8");
    } catch (IOException e) {
      throw failed(file.toString(), 0, "the file cannot be read: " + e.getMessage());
    }
  }

  private static String text(Path file) throws IOException, ConfigException {
    try (var in = Files.newInputStream(file)) {
      var bytes = in.readNBytes(YamlBounds.MAX_BYTES + 1);
      if (bytes.length > YamlBounds.MAX_BYTES) {
        throw failed(
            file.toString(), 0, "the file is longer than %d bytes".formatted(YamlBounds.MAX_BYTES));
      }
      return UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes)).toString();
    }
  }

  /**
   * Reads a text.
   *
   * @param file what to call it in errors
   * @param folder what its paths are relative to
   */
  public VelaConfig parse(String file, Path folder, String text) throws ConfigException {
    var settings = LoadSettings.builder().setLabel(file).setUseMarks(true).build();
    Optional<Node> document;
    try {
      YamlBounds.check(file, new Parse(settings).parseString(text));
      document = new Compose(settings).composeString(text);
    } catch (MarkedYamlEngineException e) {
      int line = e.getProblemMark().map(mark -> mark.getLine() + 1).orElse(0);
      throw failed(file, line, "not YAML: " + e.getProblem());
    } catch (YamlEngineException e) {
      throw failed(file, 0, "not YAML: " + e.getMessage());
    }
    var errors = new ArrayList<ConfigError>();
    var config = root(YamlSection.of(file, "", document, errors), new Paths(home, folder));
    if (!errors.isEmpty()) {
      errors.sort(Comparator.comparingInt(ConfigError::line));
      throw new ConfigException(errors);
    }
    return config;
  }

  private static ConfigException failed(String file, int line, String problem) {
    return new ConfigException(List.of(new ConfigError(file, line, "", problem)));
  }

  private VelaConfig root(YamlSection root, Paths paths) {
    var defaults = VelaConfig.defaults(defaultData());
    var listen =
        root.list(
            "listen", section -> ListenerSection.read(section, paths::parse), defaults.listen());
    if (listen.isEmpty()) {
      root.error("listen", "expected at least one address");
      listen = defaults.listen();
    }
    var http = http(root, defaults.http());
    var data = root.scalar("data", paths::parse, defaults.data());
    var pool = pool(root.section("pool"), paths);
    var postgres = postgres(root.section("postgres"), paths);
    var catalogUrl = catalogUrl(root.section("catalog"));
    var baselines = baselines(root.section("baselines"));
    var limits = limits(root.section("limits"), postgres.sharedBuffers());
    var network = network(root.section("network"));
    root.end();
    return new VelaConfig(
        listen, http, data, pool, postgres, catalogUrl, baselines, limits, network);
  }

  // An address alone is as a section that has only that.
  private static HttpConfig http(YamlSection root, HttpConfig standard) {
    if (root.isScalar("http")) {
      return standard.withAddress(root.scalar("http", HostPort::parse, standard.address()));
    }
    var section = root.section("http");
    var http =
        new HttpConfig(
            section.scalar("address", HostPort::parse, standard.address()),
            section.scalars("hosts", HttpConfig::validHost, standard.hosts()),
            section.scalar("metrics", HttpConfig.MetricsAccess::parse, standard.metrics()),
            section.scalar(
                "max-connections", text -> atLeastOne(integer(text)), standard.maxConnections()),
            section.scalar(
                "max-body",
                text -> HttpConfig.validMaxBody(ByteSize.parse(text)),
                standard.maxBody()),
            section.scalar("header-timeout", ConfigLoader::positive, standard.headerTimeout()),
            section.scalar("body-timeout", ConfigLoader::positive, standard.bodyTimeout()));
    section.end();
    return http;
  }

  private static PoolConfig pool(YamlSection section, Paths paths) {
    var standard = PoolConfig.DEFAULT;
    var pool =
        new PoolConfig(
            section.scalar("driver", PoolConfig::validDriver, standard.driver()),
            section.scalar("path", text -> Optional.of(paths.parse(text)), standard.path()),
            section.scalar("loop-size", ByteSize::parse, standard.loopSize()),
            section.scalar("reserve", ByteSize::parse, standard.reserve()));
    section.end();
    return pool;
  }

  // A record's own constructor checks each value here, with the others at their defaults, so that
  // the rule stands in one place and the error still has the value's line.
  private static PostgresConfig postgres(YamlSection section, Paths paths) {
    var standard = PostgresConfig.DEFAULT;
    var postgres =
        new PostgresConfig(
            section.scalars("search-path", paths::parse, standard.searchPath()),
            section.scalar(
                "version",
                text ->
                    new PostgresConfig(List.of(), integer(text), standard.sharedBuffers())
                        .version(),
                standard.version()),
            section.scalar(
                "shared-buffers",
                text ->
                    new PostgresConfig(List.of(), standard.version(), ByteSize.parse(text))
                        .sharedBuffers(),
                standard.sharedBuffers()),
            section.scalar("isolation", Isolation::parse, standard.isolation()));
    section.end();
    return postgres;
  }

  private static Optional<String> catalogUrl(YamlSection section) {
    var url =
        section.scalar("url", text -> Optional.of(postgresUrl(text)), Optional.<String>empty());
    section.end();
    return url;
  }

  private static Map<BaselineName, BranchPolicy> baselines(YamlSection section) {
    var baselines = new LinkedHashMap<BaselineName, BranchPolicy>();
    var named =
        section.sections(
            name ->
                BaselineName.isValid(name)
                    ? Optional.empty()
                    : Optional.of("not a baseline name; expected " + BaselineName.RULE));
    named.forEach(
        (name, baseline) -> {
          baselines.put(new BaselineName(name), policy(baseline.section("branches")));
          baseline.end();
        });
    return baselines;
  }

  private static BranchPolicy policy(YamlSection section) {
    var standard = BranchPolicy.DEFAULT;
    var policy =
        new BranchPolicy(
            section.scalars(
                "create-on-connect", BranchPolicy::validPattern, standard.createOnConnect()),
            section.scalar("suspend-after", ConfigLoader::positive, standard.suspendAfter()),
            section.scalar("durability", Durability::parse, standard.durability()),
            section.scalar("replication", ConfigLoader::yesOrNo, standard.replication()),
            section.scalar("warm", text -> BranchPolicy.validWarm(integer(text)), standard.warm()),
            parking(section),
            backends(section),
            tokens(section),
            section.scalar("max-bytes", MaxBytes::parse, standard.maxBytes()),
            section.scalar("network", Network::parse, standard.network()),
            resources(section.section("limits")));
    section.end();
    return policy;
  }

  private static ResourceLimits resources(YamlSection section) {
    var limits =
        new ResourceLimits(
            section.scalar(
                "memory",
                text -> Optional.of(ResourceLimits.validMemory(ByteSize.parse(text))),
                Optional.empty()),
            section.scalar(
                "cpus",
                text -> Optional.of(ResourceLimits.validCpus(decimal(text))),
                Optional.empty()),
            section.scalar(
                "processes",
                text -> Optional.of(ResourceLimits.validProcesses(integer(text))),
                Optional.empty()),
            section.scalar(
                "read-rate",
                text -> Optional.of(ResourceLimits.validRate(ByteSize.parse(text))),
                Optional.empty()),
            section.scalar(
                "write-rate",
                text -> Optional.of(ResourceLimits.validRate(ByteSize.parse(text))),
                Optional.empty()));
    section.end();
    return limits;
  }

  private static double decimal(String text) {
    try {
      return Double.parseDouble(text);
    } catch (NumberFormatException e) {
      throw new IllegalArgumentException("expected a number, as 1.5", e);
    }
  }

  private static BackendPolicy backends(YamlSection section) {
    var standard = BackendPolicy.DEFAULT;
    return new BackendPolicy(
        section.scalar("reuse-backends", ConfigLoader::yesOrNo, standard.reuse()),
        section.scalar(
            "spare-backends", text -> BackendPolicy.validSpare(integer(text)), standard.spare()));
  }

  private static TokenPolicy tokens(YamlSection section) {
    return new TokenPolicy(
        section.scalar(
            "token-lifetime",
            text ->
                text.equals(TokenPolicy.NEVER)
                    ? Optional.<Duration>empty()
                    : Optional.of(TokenPolicy.validLifetime(Durations.parse(text))),
            TokenPolicy.DEFAULT.lifetime()));
  }

  private static ParkPolicy parking(YamlSection section) {
    var standard = ParkPolicy.DEFAULT;
    return new ParkPolicy(
        section.scalar("on-idle", ParkPolicy.OnIdle::parse, standard.onIdle()),
        section.scalar("park-after", text -> Optional.of(positive(text)), standard.parkAfter()),
        section.scalar("answer-pings", ConfigLoader::yesOrNo, standard.answerPings()),
        section.scalars("pings", ParkPolicy::validPing, standard.pings()),
        section.scalar(
            "unseen-settings", ParkPolicy.UnseenSettings::parse, standard.unseenSettings()));
  }

  private static LimitsConfig limits(YamlSection section, ByteSize sharedBuffers) {
    var standard = LimitsConfig.DEFAULT;
    var limits =
        new LimitsConfig(
            section.scalar("wake-timeout", ConfigLoader::positive, standard.wakeTimeout()),
            section.scalar("stop-timeout", ConfigLoader::positive, standard.stopTimeout()),
            section.scalar(
                "authentication-timeout", ConfigLoader::positive, standard.authenticationTimeout()),
            section.scalar("drain-timeout", ConfigLoader::positive, standard.drainTimeout()),
            section.scalar(
                "start-concurrency",
                text -> atLeastOne(integer(text)),
                standard.startConcurrency()),
            section.scalar(
                "startup-hold",
                text -> {
                  var size = ByteSize.parse(text);
                  atLeastOne(size.bytes());
                  return size;
                },
                standard.startupHold()),
            new ConnectionLimits(
                count(section, "connections-per-branch"),
                count(section, "connections-per-address"),
                keepalive(section.section("keepalive"))),
            new RunningLimits(
                count(section, "max-running"),
                section.scalar(
                    "memory",
                    text ->
                        Optional.of(RunningLimits.validMemory(ByteSize.parse(text), sharedBuffers)),
                    standard.running().memory())),
            deletion(section.section("deletion")));
    section.end();
    return limits;
  }

  private static DeletionLimits deletion(YamlSection section) {
    var standard = DeletionLimits.DEFAULT;
    var deletion =
        new DeletionLimits(
            section.scalar("fast", ConfigLoader::positive, standard.fast()),
            section.scalar("immediate", ConfigLoader::positive, standard.immediate()),
            section.scalar("kill", ConfigLoader::positive, standard.kill()));
    section.end();
    return deletion;
  }

  private static NetworkConfig network(YamlSection section) {
    var standard = NetworkConfig.DEFAULT;
    var network =
        new NetworkConfig(
            section.scalar(
                "transport",
                text -> new NetworkConfig(text, 0, true).transport(),
                standard.transport()),
            section.scalar(
                "event-loops",
                text ->
                    text.equals("auto")
                        ? 0
                        : new NetworkConfig("auto", atLeastOne(integer(text)), true).eventLoops(),
                standard.eventLoops()),
            section.scalar("busy-poll", ConfigLoader::bool, standard.busyPoll()));
    section.end();
    return network;
  }

  private static boolean bool(String text) {
    return switch (text) {
      case "true" -> true;
      case "false" -> false;
      default -> throw new IllegalArgumentException("expected true or false");
    };
  }

  private static Keepalive keepalive(YamlSection section) {
    var standard = ConnectionLimits.DEFAULT.keepalive();
    var keepalive =
        new Keepalive(
            section.scalar(
                "idle", text -> Keepalive.validTime(Durations.parse(text)), standard.idle()),
            section.scalar(
                "interval",
                text -> Keepalive.validTime(Durations.parse(text)),
                standard.interval()),
            section.scalar("count", text -> Keepalive.validCount(integer(text)), standard.count()));
    section.end();
    return keepalive;
  }

  /** A number of things that is not bounded unless it is there. */
  static Optional<Integer> count(YamlSection section, String key) {
    return section.scalar(
        key, text -> Optional.of(atLeastOne(integer(text))), Optional.<Integer>empty());
  }

  private static Duration positive(String text) {
    var duration = Durations.parse(text);
    if (!duration.isPositive()) {
      throw new IllegalArgumentException("expected more than 0: " + Durations.RULE);
    }
    return duration;
  }

  private static boolean yesOrNo(String text) {
    return switch (text) {
      case "true" -> true;
      case "false" -> false;
      default -> throw new IllegalArgumentException("expected true or false");
    };
  }

  private static int integer(String text) {
    try {
      return Integer.parseInt(text);
    } catch (NumberFormatException e) {
      throw new IllegalArgumentException("\"" + text + "\" is not a whole number", e);
    }
  }

  private static int atLeastOne(int value) {
    atLeastOne((long) value);
    return value;
  }

  private static void atLeastOne(long value) {
    if (value < 1) {
      throw new IllegalArgumentException("expected at least 1");
    }
  }

  // The URL may hold a password, so the error does not repeat it.
  private static String postgresUrl(String text) {
    if (!text.startsWith("postgresql://") && !text.startsWith("postgres://")) {
      throw new IllegalArgumentException("expected postgresql://USER:PASSWORD@HOST:PORT/DATABASE");
    }
    return text;
  }

  /** Turns the file's texts into paths. */
  private record Paths(Path home, Path folder) {
    Path parse(String text) {
      if (text.isBlank()) {
        throw new IllegalArgumentException("expected a path");
      }
      try {
        if (text.equals("~")) {
          return home;
        }
        return (text.startsWith("~/") ? home.resolve(text.substring(2)) : folder.resolve(text))
            .normalize();
      } catch (InvalidPathException e) {
        throw new IllegalArgumentException("\"" + text + "\" is not a path", e);
      }
    }
  }
}
