package io.vela.config;

import io.vela.config.value.ByteSize;
import java.util.regex.Pattern;

/** The most of the pool that a branch may take for itself, apart from what it shares. */
public sealed interface MaxBytes {
  /** Less is no limit for a branch: who writes 5 means more than five bytes. */
  long LEAST = 1L << 20;

  /** Half the pool: no branch takes it all, and no ordinary one comes near. */
  MaxBytes DEFAULT = new Share(50);

  /**
   * That much.
   *
   * @param size at least {@link #LEAST}
   */
  record Size(ByteSize size) implements MaxBytes {
    public Size {
      if (size.bytes() < LEAST) {
        throw new IllegalArgumentException(
            "max-bytes %s is less than any branch takes; expected at least %s, such as 10GB"
                .formatted(size.exact(), new ByteSize(LEAST)));
      }
    }

    @Override
    public long of(long poolBytes) {
      return size.bytes();
    }

    @Override
    public String toString() {
      return size.exact();
    }
  }

  /**
   * A part of the pool.
   *
   * @param percent 1 to 100
   */
  record Share(int percent) implements MaxBytes {
    static final Pattern FORM = Pattern.compile("(\\d{1,3})%");

    public Share {
      if (percent < 1 || percent > 100) {
        throw new IllegalArgumentException("expected 1% to 100%, or a size such as 10GB");
      }
    }

    @Override
    public long of(long poolBytes) {
      return poolBytes / 100 * percent + poolBytes % 100 * percent / 100;
    }

    @Override
    public String toString() {
      return percent + "%";
    }
  }

  /**
   * In bytes.
   *
   * @param poolBytes size of the pool
   */
  long of(long poolBytes);

  /**
   * The smaller of two.
   *
   * @param poolBytes size of the pool
   */
  static MaxBytes least(MaxBytes one, MaxBytes other, long poolBytes) {
    return one.of(poolBytes) < other.of(poolBytes) ? one : other;
  }

  /**
   * Parses {@code 50%} or {@code 10GB}.
   *
   * @throws IllegalArgumentException for anything else
   */
  static MaxBytes parse(String text) {
    var share = Share.FORM.matcher(text.strip());
    return share.matches()
        ? new Share(Integer.parseInt(share.group(1)))
        : new Size(ByteSize.parse(text));
  }
}
