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

  private boolean terminated;
  private boolean tooLong;

  /** Begins between two messages. */
  public FrontendTracker(RequestLedger ledger) {
    super(ledger);
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
    switch (messageType) {
      case FrontendType.QUERY, FrontendType.FUNCTION_CALL -> ledger.queried();
      case FrontendType.SYNC -> ledger.synced();
      case FrontendType.PARSE, FrontendType.BIND, FrontendType.DESCRIBE, FrontendType.CLOSE ->
          ledger.extended();
      case FrontendType.EXECUTE -> ledger.executed();
      case FrontendType.COPY_DATA -> ledger.copyData();
      case FrontendType.COPY_DONE, FrontendType.COPY_FAIL -> ledger.copyEnded();
      case FrontendType.TERMINATE -> terminated = true;
      default -> {}
    }
    return false;
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
    return false;
  }
}
