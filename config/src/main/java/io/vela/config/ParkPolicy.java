package io.vela.config;

import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.regex.Pattern;

/**
 * What becomes of the sessions of a branch that nobody uses while clients stay connected.
 *
 * @param onIdle what is done once all of them have been idle for {@code suspend-after}
 * @param parkAfter how long one may be idle before its backend is given back though its branch
 *     stays awake; empty for never
 * @param answerPings whether what a connection pool sends to see whether its connection is alive is
 *     answered without waking anything, and does not count as use
 * @param pings queries that are such pings, beside the empty one and a bare Sync
 * @param unseenSettings what to do with a session that may hold custom settings which cannot be
 *     seen
 */
public record ParkPolicy(
    OnIdle onIdle,
    Optional<Duration> parkAfter,
    boolean answerPings,
    List<String> pings,
    UnseenSettings unseenSettings) {
  private static final Pattern PING = Pattern.compile("(?i)select [0-9]{1,9};?");

  /** Park; keep backends while awake; answer the usual pings; be careful with row security. */
  public static final ParkPolicy DEFAULT =
      new ParkPolicy(
          OnIdle.PARK, Optional.empty(), true, List.of("SELECT 1"), UnseenSettings.VETO_WITH_RLS);

  /**
   * @throws IllegalArgumentException for a time that is not positive, or a ping other than {@code
   *     SELECT} and a whole number
   */
  public ParkPolicy {
    pings = List.copyOf(pings);
    pings.forEach(ParkPolicy::validPing);
    if (parkAfter.filter(time -> time.isNegative() || time.isZero()).isPresent()) {
      throw new IllegalArgumentException("park-after must be positive");
    }
  }

  /** What Vela can answer in Postgres's place to the byte. */
  static String validPing(String query) {
    if (!PING.matcher(query).matches()) {
      throw new IllegalArgumentException(
          "\"" + query + "\" is not a ping that can be answered: expected SELECT and a number");
    }
    return query;
  }

  /** When all sessions of a branch are idle. */
  public enum OnIdle {
    /** They are parked and the branch sleeps. */
    PARK,
    /** The branch stays awake. */
    STAY_AWAKE,
    /** They are ended with 57P01 and the branch sleeps. */
    DISCONNECT;

    /**
     * @throws IllegalArgumentException for anything else
     */
    public static OnIdle parse(String text) {
      return switch (text) {
        case "park" -> PARK;
        case "stay-awake" -> STAY_AWAKE;
        case "disconnect" -> DISCONNECT;
        default -> throw new IllegalArgumentException("expected park, stay-awake or disconnect");
      };
    }

    @Override
    public String toString() {
      return name().toLowerCase(Locale.ROOT).replace('_', '-');
    }
  }

  /**
   * When a database has functions that set custom settings whose names cannot be known beforehand,
   * so that a session may hold some that nobody can list.
   */
  public enum UnseenSettings {
    /** The session is not parked. */
    VETO,
    /** It is not parked where row level security is used, which often asks such settings. */
    VETO_WITH_RLS,
    /** It is parked, without them. */
    PARK;

    /**
     * @throws IllegalArgumentException for anything else
     */
    public static UnseenSettings parse(String text) {
      return switch (text) {
        case "veto" -> VETO;
        case "veto-with-rls" -> VETO_WITH_RLS;
        case "park" -> PARK;
        default -> throw new IllegalArgumentException("expected veto, veto-with-rls or park");
      };
    }

    @Override
    public String toString() {
      return name().toLowerCase(Locale.ROOT).replace('_', '-');
    }
  }
}
