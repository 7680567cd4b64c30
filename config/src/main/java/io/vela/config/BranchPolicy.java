package io.vela.config;

import io.vela.config.value.BranchName;
import java.time.Duration;
import java.util.List;
import java.util.regex.Pattern;

/**
 * What holds for the branches of a baseline unless a branch says otherwise.
 *
 * @param createOnConnect patterns of the names that a connection may create; {@code *} stands for
 *     any characters
 * @param suspendAfter how long without use until a branch sleeps
 * @param durability what a commit promises
 * @param replication whether replication connections are let in: base backups, WAL and logical
 *     streams
 * @param warm how many started clones are kept ready, so that a branch is there at once
 * @param parking what becomes of clients that stay connected while nobody uses the branch
 * @param backends whether sessions may be given backends that are older than they are
 * @param tokens what holds for tokens that say nothing else
 * @param maxBytes how much of the pool a branch may take for itself
 * @param network what network a branch's processes are in
 * @param limits what a branch's processes may take of the host
 */
public record BranchPolicy(
    List<String> createOnConnect,
    Duration suspendAfter,
    Durability durability,
    boolean replication,
    int warm,
    ParkPolicy parking,
    BackendPolicy backends,
    TokenPolicy tokens,
    MaxBytes maxBytes,
    Network network,
    ResourceLimits limits) {
  /** More would be a mistake: each takes the memory of a running branch. */
  private static final int MOST_WARM = 1000;

  private static final Pattern PATTERN_FORM = Pattern.compile("[a-z0-9._*-]{1,63}");

  /** Any name, asleep after a minute, relaxed, no replication, none warm, sessions parked. */
  public static final BranchPolicy DEFAULT =
      new BranchPolicy(List.of("*"), Duration.ofSeconds(60), Durability.RELAXED, false);

  /** With none warm, and sessions parked as usual. */
  public BranchPolicy(
      List<String> createOnConnect,
      Duration suspendAfter,
      Durability durability,
      boolean replication) {
    this(createOnConnect, suspendAfter, durability, replication, 0, ParkPolicy.DEFAULT);
  }

  /** With a backend of its own for each session. */
  public BranchPolicy(
      List<String> createOnConnect,
      Duration suspendAfter,
      Durability durability,
      boolean replication,
      int warm,
      ParkPolicy parking) {
    this(
        createOnConnect,
        suspendAfter,
        durability,
        replication,
        warm,
        parking,
        BackendPolicy.DEFAULT);
  }

  /** With tokens and room as usual. */
  public BranchPolicy(
      List<String> createOnConnect,
      Duration suspendAfter,
      Durability durability,
      boolean replication,
      int warm,
      ParkPolicy parking,
      BackendPolicy backends) {
    this(
        createOnConnect,
        suspendAfter,
        durability,
        replication,
        warm,
        parking,
        backends,
        TokenPolicy.DEFAULT,
        MaxBytes.DEFAULT);
  }

  /** With no network and no limits of the host's resources. */
  public BranchPolicy(
      List<String> createOnConnect,
      Duration suspendAfter,
      Durability durability,
      boolean replication,
      int warm,
      ParkPolicy parking,
      BackendPolicy backends,
      TokenPolicy tokens,
      MaxBytes maxBytes) {
    this(
        createOnConnect,
        suspendAfter,
        durability,
        replication,
        warm,
        parking,
        backends,
        tokens,
        maxBytes,
        Network.NONE,
        ResourceLimits.NONE);
  }

  /**
   * @throws IllegalArgumentException for a pattern that no branch name can match, a time that is
   *     not positive, or a number of warm clones that cannot be kept
   */
  public BranchPolicy {
    createOnConnect = List.copyOf(createOnConnect);
    for (var pattern : createOnConnect) {
      validPattern(pattern);
    }
    if (suspendAfter.isNegative() || suspendAfter.isZero()) {
      throw new IllegalArgumentException("suspend-after must be positive");
    }
    validWarm(warm);
  }

  static int validWarm(int count) {
    if (count < 0 || count > MOST_WARM) {
      throw new IllegalArgumentException("expected 0 to " + MOST_WARM);
    }
    return count;
  }

  static String validPattern(String pattern) {
    if (!PATTERN_FORM.matcher(pattern).matches()) {
      throw new IllegalArgumentException(
          "\"" + pattern + "\" is not a pattern of branch names (a-z, 0-9, '.', '_', '-', '*')");
    }
    return pattern;
  }

  /** Whether a connection may create a branch of this name. */
  public boolean mayCreate(BranchName name) {
    return createOnConnect.stream().anyMatch(pattern -> matches(pattern, name.value()));
  }

  private static boolean matches(String pattern, String name) {
    var expression = new StringBuilder();
    for (var part : pattern.split("\\*", -1)) {
      expression.append(expression.isEmpty() ? "" : ".*").append(Pattern.quote(part));
    }
    return Pattern.matches(expression.toString(), name);
  }
}
