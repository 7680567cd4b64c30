package io.vela.cli.up;

import io.vela.cli.CliException;
import io.vela.cli.Terminal;
import io.vela.cli.client.DataDirectory;
import io.vela.config.ConfigException;
import io.vela.config.ConfigException.ConfigError;
import io.vela.config.ConfigLoader;
import io.vela.config.ListenerConfig;
import io.vela.config.PoolConfig;
import io.vela.config.VelaConfig;
import io.vela.config.value.HostPort;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.InstantSource;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.Option;
import picocli.CommandLine.TypeConversionException;

/** {@code vela up}: the file, then what the command line says instead. */
@Command(
    name = "up",
    mixinStandardHelpOptions = true,
    description = "Run Vela until it is told to stop (Ctrl-C or SIGTERM).")
public final class UpCommand implements Callable<Integer> {
  private final Terminal terminal;

  @Option(
      names = "--demo",
      description = "Fill a new baseline main with a web shop of a million rows.")
  private boolean demo;

  @Option(
      names = "--data",
      paramLabel = "DIR",
      description = "Vela's own folder (VELA_DATA; ~/.vela).")
  private @Nullable Path data;

  @Option(names = "--config", paramLabel = "FILE", description = "The vela.yaml to read.")
  private @Nullable Path config;

  @Option(
      names = "--listen",
      paramLabel = "HOST:PORT",
      converter = Address.class,
      description = "Where Postgres clients connect (127.0.0.1:6432).")
  private @Nullable HostPort listen;

  @Option(
      names = "--http",
      paramLabel = "HOST:PORT",
      converter = Address.class,
      description = "Where REST and metrics answer (127.0.0.1:6433).")
  private @Nullable HostPort http;

  @Option(
      names = "--pool-driver",
      paramLabel = "DRIVER",
      description = "auto, zfs, btrfs, reflink or copy (auto).")
  private @Nullable String poolDriver;

  @Option(
      names = "--tls-self-signed",
      description = "Offer TLS with a certificate made for it, where none is configured.")
  private boolean selfSigned;

  @Option(
      names = "--park-always",
      hidden = true,
      description = "Park each session whenever it is idle: for tests and measurements only.")
  private boolean parkAlways;

  @Option(
      names = "--rehearse",
      hidden = true,
      description = "Serve one client of its own when ready: what bin/train records.")
  private boolean rehearse;

  public UpCommand(Terminal terminal) {
    this.terminal = terminal;
  }

  @Override
  public Integer call() throws Exception {
    VelaConfig settings;
    try {
      settings = configuration();
    } catch (ConfigException e) {
      throw new CliException("the configuration cannot be used:\n" + e.getMessage(), "", e);
    }
    Files.createDirectories(settings.data());
    ServerLog.writeTo(settings.data());
    if (selfSigned) {
      var certificate = selfSignedCertificate(settings).certificate();
      terminal.out().println("tls    sslmode=verify-full sslrootcert=" + certificate);
    }
    var special = new Up.Special(demo, rehearse, parkAlways);
    return new Up(terminal, settings, this::configuration, special).run(new StopSignal());
  }

  private VelaConfig configuration() throws ConfigException {
    var loader = new ConfigLoader(terminal.home());
    var result = config == null ? VelaConfig.defaults(loader.defaultData()) : loader.load(config);
    var named = DataDirectory.named(Optional.ofNullable(data), terminal);
    if (named.isPresent()) {
      result = result.withData(named.get());
    }
    if (listen != null) {
      result = result.withListen(List.of(moved(result.listen().getFirst(), listen)));
    }
    if (http != null) {
      result = result.withHttp(result.http().withAddress(http));
    }
    if (poolDriver != null) {
      result = result.withPool(pool(result.pool(), poolDriver));
    }
    return selfSigned ? result.withListen(selfSigned(result)) : result;
  }

  private static SelfSignedCertificate selfSignedCertificate(VelaConfig config) {
    return new SelfSignedCertificate(config.data(), InstantSource.system());
  }

  private static List<ListenerConfig> selfSigned(VelaConfig config) throws ConfigException {
    try {
      Files.createDirectories(config.data());
      return selfSignedCertificate(config).forListeners(config.listen());
    } catch (IOException e) {
      throw wrong("--tls-self-signed", String.valueOf(e.getMessage()));
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw wrong("--tls-self-signed", "interrupted");
    }
  }

  private static ConfigException wrong(String option, String problem) {
    return new ConfigException(List.of(new ConfigError(option, 0, "", problem)));
  }

  private static ListenerConfig moved(ListenerConfig listener, HostPort to) throws ConfigException {
    try {
      return listener.withAddress(to);
    } catch (IllegalArgumentException e) {
      throw wrong("--listen", String.valueOf(e.getMessage()));
    }
  }

  private static PoolConfig pool(PoolConfig pool, String driver) throws ConfigException {
    try {
      return new PoolConfig(driver, pool.path(), pool.loopSize(), pool.reserve());
    } catch (IllegalArgumentException e) {
      throw wrong("--pool-driver", String.valueOf(e.getMessage()));
    }
  }

  /** Reads an address; a wrong one is wrong usage. */
  static final class Address implements ITypeConverter<HostPort> {
    @Override
    public HostPort convert(String text) {
      try {
        return HostPort.parse(text);
      } catch (IllegalArgumentException e) {
        throw new TypeConversionException(e.getMessage());
      }
    }
  }
}
