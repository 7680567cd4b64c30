package io.vela.config;

import io.vela.config.value.BaselineName;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Everything that can be set, valid once it exists. See {@code vela.yaml} in the documentation.
 *
 * @param listen where Postgres clients connect
 * @param http how REST, metrics and health are served
 * @param data Vela's own folder
 * @param pool storage of snapshots and clones
 * @param postgres what instances run on
 * @param catalogUrl a Postgres for the catalogue; without one Vela runs its own
 * @param baselines policy of the branches of each baseline, in the order in which their create
 *     patterns are tried; {@code main} is always there
 * @param limits bounds on time and memory
 * @param network how connections are served
 */
public record VelaConfig(
    List<ListenerConfig> listen,
    HttpConfig http,
    Path data,
    PoolConfig pool,
    PostgresConfig postgres,
    Optional<String> catalogUrl,
    Map<BaselineName, BranchPolicy> baselines,
    LimitsConfig limits,
    NetworkConfig network) {
  /** The baseline that exists from the first start on. */
  public static final BaselineName MAIN = new BaselineName("main");

  /**
   * @throws IllegalArgumentException without a listener
   */
  public VelaConfig {
    if (listen.isEmpty()) {
      throw new IllegalArgumentException("at least one address to listen on is needed");
    }
    listen = List.copyOf(listen);
    var all = new LinkedHashMap<>(baselines);
    all.putIfAbsent(MAIN, BranchPolicy.DEFAULT);
    baselines = java.util.Collections.unmodifiableMap(all);
  }

  /** The configuration without a file, for a data directory. */
  public static VelaConfig defaults(Path data) {
    return new VelaConfig(
        List.of(ListenerConfig.DEFAULT),
        HttpConfig.DEFAULT,
        data,
        PoolConfig.DEFAULT,
        PostgresConfig.DEFAULT,
        Optional.empty(),
        Map.of(),
        LimitsConfig.DEFAULT,
        NetworkConfig.DEFAULT);
  }

  /** The same with another data directory. */
  public VelaConfig withData(Path other) {
    return new VelaConfig(
        listen, http, other, pool, postgres, catalogUrl, baselines, limits, network);
  }

  /** The same with HTTP served otherwise. */
  public VelaConfig withHttp(HttpConfig other) {
    return new VelaConfig(
        listen, other, data, pool, postgres, catalogUrl, baselines, limits, network);
  }

  /** The same with other listeners. */
  public VelaConfig withListen(List<ListenerConfig> others) {
    return new VelaConfig(
        others, http, data, pool, postgres, catalogUrl, baselines, limits, network);
  }

  /** The same with another pool. */
  public VelaConfig withPool(PoolConfig other) {
    return new VelaConfig(
        listen, http, data, other, postgres, catalogUrl, baselines, limits, network);
  }

  /** The policy of a baseline's branches. */
  public BranchPolicy policy(BaselineName baseline) {
    return baselines.getOrDefault(baseline, BranchPolicy.DEFAULT);
  }
}
