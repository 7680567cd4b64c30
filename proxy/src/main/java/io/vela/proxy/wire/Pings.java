package io.vela.proxy.wire;

import java.util.HashSet;
import java.util.List;
import java.util.OptionalInt;
import java.util.Set;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Queries by which connection pools find out whether a connection is alive: the empty one, and
 * {@code SELECT} of certain numbers. What Postgres answers to them depends on nothing.
 */
public final class Pings {
  /** No query is one. */
  public static final Pings NONE = new Pings(false, Set.of());

  /** What {@link #match} answers for the empty query. */
  public static final int EMPTY = -1;

  /** The longest text that can be a ping, in bytes; whoever sends more blanks wants something. */
  static final int LONGEST = 64;

  private static final int MOST_DIGITS = 9;
  private static final Pattern OTHER_THAN_DIGITS = Pattern.compile("[^0-9]");
  private static final byte[] SELECT = {'s', 'e', 'l', 'e', 'c', 't'};

  private final boolean empty;
  private final Set<Integer> numbers;

  private Pings(boolean empty, Set<Integer> numbers) {
    this.empty = empty;
    this.numbers = numbers;
  }

  /**
   * The empty query, and these.
   *
   * @param selects {@code SELECT} and a number, each
   */
  public static Pings of(List<String> selects) {
    var numbers = new HashSet<Integer>();
    for (var select : selects) {
      numbers.add(Integer.valueOf(OTHER_THAN_DIGITS.matcher(select).replaceAll("")));
    }
    return new Pings(true, Set.copyOf(numbers));
  }

  /**
   * Whether a text is a ping.
   *
   * @return {@link #EMPTY}, or the number that is selected; nothing when it is no ping
   */
  public OptionalInt match(byte[] text, int from, int to) {
    if (!empty || to - from > LONGEST) {
      return OptionalInt.empty();
    }
    int index = skipBlanks(text, from, to);
    int rest = index;
    while (rest < to && text[rest] == ';') {
      rest = skipBlanks(text, rest + 1, to);
    }
    if (rest == to) {
      return OptionalInt.of(EMPTY);
    }
    return select(text, index, to);
  }

  private OptionalInt select(byte[] text, int from, int to) {
    if (to - from <= SELECT.length) {
      return OptionalInt.empty();
    }
    for (int i = 0; i < SELECT.length; i++) {
      if ((text[from + i] | 0x20) != SELECT[i]) {
        return OptionalInt.empty();
      }
    }
    int digits = skipBlanks(text, from + SELECT.length, to);
    if (digits == from + SELECT.length) {
      return OptionalInt.empty();
    }
    int end = digits;
    int number = 0;
    while (end < to && end - digits < MOST_DIGITS && text[end] >= '0' && text[end] <= '9') {
      number = number * 10 + text[end++] - '0';
    }
    if (end == digits) {
      return OptionalInt.empty();
    }
    int rest = skipBlanks(text, end, to);
    if (rest < to && text[rest] == ';') {
      rest = skipBlanks(text, rest + 1, to);
    }
    return rest == to && numbers.contains(number) ? OptionalInt.of(number) : OptionalInt.empty();
  }

  @Override
  public boolean equals(@Nullable Object other) {
    return other instanceof Pings pings && empty == pings.empty && numbers.equals(pings.numbers);
  }

  @Override
  public int hashCode() {
    return Boolean.hashCode(empty) + numbers.hashCode();
  }

  private static int skipBlanks(byte[] text, int from, int to) {
    int index = from;
    while (index < to && (text[index] == ' ' || text[index] == '\n' || text[index] == '\t')) {
      index++;
    }
    return index;
  }
}
