package io.vela.proxy.wire;

import io.netty.buffer.ByteBuf;

/** Follows what a client sends once its session is set up. */
public final class FrontendTracker extends FrameTracker {
  /**
   * What a server takes at most (src/include/libpq/libpq.h): PQ_SMALL_MESSAGE_LIMIT for messages
   * that carry no data, PQ_LARGE_MESSAGE_LIMIT for those that do.
   */
  private static final int MAX_SMALL_LENGTH = 10_000 + Integer.BYTES;

  private static final int MAX_LARGE_LENGTH = 0x3ffffffe + Integer.BYTES;

  /** What a Terminate has, in bytes. */
  public static final int TERMINATE_LENGTH = 1 + Integer.BYTES;

  /** Enough of a Bind for the names of a ping. */
  private static final int NAMES_LENGTH = 256;

  /** What is kept between two messages, in bytes; for longer ones more is had for the moment. */
  private static final int KEPT_LENGTH = 1024;

  private static final byte[] NOTHING = {};

  private final ClientTrace trace;
  private boolean terminated;
  private boolean tooLong;
  private byte[] content = NOTHING;
  private int wanted;
  private int had;
  private boolean first;

  /** Begins between two messages, for a client of whom nothing is kept. */
  public FrontendTracker(RequestLedger ledger) {
    this(ledger, new ClientTrace(Pings.NONE));
  }

  /**
   * Begins between two messages.
   *
   * @param trace told what the client says that matters later
   */
  public FrontendTracker(RequestLedger ledger, ClientTrace trace) {
    super(ledger);
    this.trace = trace;
  }

  /** Whether the client sent Terminate. */
  public boolean terminated() {
    return terminated;
  }

  /**
   * Whether the client sent a message that is longer than a server takes: then that closes the
   * connection without a word.
   */
  public boolean tooLong() {
    return tooLong;
  }

  @Override
  boolean message(byte messageType) {
    if (lastLength() > MAX_SMALL_LENGTH) {
      tooLong |= lastLength() > limit(messageType);
    }
    first = ledger.idle();
    switch (messageType) {
      case FrontendType.QUERY -> {
        ledger.queried();
        return read(ClientTrace.LONGEST_TEXT, false);
      }
      case FrontendType.FUNCTION_CALL -> {
        ledger.queried();
        trace.used();
      }
      case FrontendType.SYNC -> ledger.synced();
      case FrontendType.PARSE -> {
        ledger.extended();
        return read(ClientTrace.LONGEST_TEXT, false);
      }
      case FrontendType.BIND -> {
        ledger.extended();
        if (trace.mayBindPing()) {
          return read(NAMES_LENGTH, true);
        }
        trace.used();
      }
      case FrontendType.CLOSE -> {
        ledger.extended();
        return read(NAMES_LENGTH, true);
      }
      case FrontendType.DESCRIBE -> ledger.extended();
      case FrontendType.EXECUTE -> ledger.executed();
      case FrontendType.COPY_DATA -> ledger.copyData();
      case FrontendType.COPY_DONE, FrontendType.COPY_FAIL -> ledger.copyEnded();
      case FrontendType.TERMINATE -> terminated = true;
      default -> {}
    }
    return false;
  }

  /**
   * Begins to read the content of a message.
   *
   * @param limit of its length
   * @param beginning whether the beginning of a longer one is enough
   */
  private boolean read(int limit, boolean beginning) {
    int length = lastLength() - Integer.BYTES;
    if (length <= 0 || (length > limit && !beginning)) {
      tooLongToRead();
      return false;
    }
    wanted = Math.min(length, limit);
    had = 0;
    if (content.length < wanted) {
      content = new byte[Math.max(wanted, Math.min(KEPT_LENGTH, 2 * wanted))];
    }
    return true;
  }

  private void tooLongToRead() {
    if (lastType() == FrontendType.QUERY) {
      trace.queriedAtLength();
    } else if (lastType() == FrontendType.PARSE) {
      trace.parsedAtLength();
    }
  }

  private static int limit(byte messageType) {
    return switch (messageType) {
      case FrontendType.SYNC,
          FrontendType.DESCRIBE,
          FrontendType.CLOSE,
          FrontendType.EXECUTE,
          FrontendType.FLUSH,
          FrontendType.COPY_DONE,
          FrontendType.COPY_FAIL,
          FrontendType.TERMINATE ->
          MAX_SMALL_LENGTH;
      default -> MAX_LARGE_LENGTH;
    };
  }

  @Override
  boolean body(ByteBuf buffer, int index, int count) {
    int more = Math.min(count, wanted - had);
    buffer.getBytes(index, content, had, more);
    had += more;
    if (had < wanted) {
      return true;
    }
    switch (lastType()) {
      case FrontendType.QUERY -> trace.queried(content, wanted - 1);
      case FrontendType.PARSE -> trace.parsed(content, wanted, first);
      case FrontendType.BIND -> trace.bound(content, wanted);
      default -> trace.closed(content, wanted);
    }
    if (content.length > KEPT_LENGTH) {
      content = NOTHING;
    }
    return false;
  }
}
