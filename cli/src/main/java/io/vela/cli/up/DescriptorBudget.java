package io.vela.cli.up;

import io.vela.config.HttpConfig;
import io.vela.config.ListenerConfig;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.regex.Pattern;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Shares out the file descriptors that this process may have ({@code RLIMIT_NOFILE}), so that
 * clients, however many come, leave enough for Vela's own work: starting, stopping and removing
 * branches, the catalogue, logs.
 *
 * @param limit how many there may be
 * @param open how many are in use before the first client comes
 */
record DescriptorBudget(long limit, long open) {
  private static final Logger log = LoggerFactory.getLogger(DescriptorBudget.class);

  private static final Pattern LIMIT = Pattern.compile("(?m)^Max open files\\s+(\\d+|unlimited)");

  /** As many as a process may ever have by default ({@code fs.nr_open}). */
  private static final long UNLIMITED = 1 << 20;

  /** What a few branches that start, run and are removed at the same time take. */
  private static final long LEAST_OWN = 48;

  /** The part of all that is kept for Vela's own work, as a divisor. */
  private static final long OWN = 8;

  /** The part of all that HTTP may take, as a divisor. */
  private static final long HTTP = 16;

  /** A client that is served has a connection of its own and one to its instance. */
  private static final int EACH_CLIENT = 2;

  /** As they are now; empty where the system does not tell. */
  static Optional<DescriptorBudget> ofThisProcess() {
    try (var open = Files.list(Path.of("/proc/self/fd"))) {
      var limit = LIMIT.matcher(Files.readString(Path.of("/proc/self/limits")));
      return limit.find()
          ? Optional.of(new DescriptorBudget(parse(limit.group(1)), open.count()))
          : Optional.empty();
    } catch (IOException e) {
      log.warn("the limit of file descriptors is not known", e);
      return Optional.empty();
    }
  }

  private static long parse(String limit) {
    return limit.equals("unlimited") ? UNLIMITED : Math.min(Long.parseLong(limit), UNLIMITED);
  }

  /** What is kept for Vela's own work. */
  long own() {
    return Math.max(LEAST_OWN, limit / OWN);
  }

  /** How many HTTP connections there may be at most. */
  int http() {
    return (int) Math.max(2, limit / HTTP);
  }

  private long forClients() {
    return Math.max(0, limit - open - own() - http());
  }

  /** What a listener's clients may take: served, waiting to be refused, backends kept for later. */
  private static long takes(int maxConnections) {
    return EACH_CLIENT * (long) maxConnections + 2L * ListenerConfig.waiting(maxConnections);
  }

  /** The most clients whose descriptors are no more than so many; at least one. */
  private static int clients(long descriptors) {
    int most = (int) (descriptors / EACH_CLIENT);
    while (most > 1 && takes(most) > descriptors) {
      most -= Math.max(1, most / 16);
    }
    return Math.max(1, most);
  }

  /**
   * Gives listeners without a bound on connections one: an equal part of what those with one leave.
   * Where those with one may take more than there is, each listener gets an equal part at most: a
   * process without a descriptor left can do nothing at all. Says in the log what it is.
   */
  List<ListenerConfig> share(List<ListenerConfig> listeners) {
    long set =
        listeners.stream()
            .flatMap(listener -> listener.maxConnections().stream())
            .mapToLong(DescriptorBudget::takes)
            .sum();
    long unset = listeners.stream().filter(one -> one.maxConnections().isEmpty()).count();
    boolean tooMany = set > forClients();
    long parts = tooMany ? listeners.size() : unset;
    if (parts == 0) {
      return listeners;
    }
    int each = clients((forClients() - (tooMany ? 0 : set)) / parts);
    if (tooMany) {
      log.warn(
          "max-connections is more than the limit of file descriptors has room for: bound={}"
              + " limit={} open={} own={} http={}",
          each,
          limit,
          open,
          own(),
          http());
    } else {
      log.info(
          "max-connections={} where it is not set, by the limit of file descriptors limit={}"
              + " open={} own={} http={}",
          each,
          limit,
          open,
          own(),
          http());
    }
    return listeners.stream().map(one -> bounded(one, each, tooMany)).toList();
  }

  private static ListenerConfig bounded(ListenerConfig listener, int each, boolean all) {
    var set = listener.maxConnections();
    return set.isEmpty() || (all && set.get() > each)
        ? listener.withMaxConnections(each)
        : listener;
  }

  /** Bounds HTTP connections further where there are few descriptors. Says so in the log. */
  HttpConfig share(HttpConfig config) {
    if (config.maxConnections() <= http()) {
      return config;
    }
    log.warn(
        "http.max-connections is more than file descriptors allow: configured={} bound={} limit={}",
        config.maxConnections(),
        http(),
        limit);
    return config.withMaxConnections(http());
  }
}
