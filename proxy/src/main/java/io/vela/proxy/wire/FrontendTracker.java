package io.vela.proxy.wire;

import io.netty.buffer.ByteBuf;

/** Follows what a client sends once its session is set up. */
public final class FrontendTracker extends FrameTracker {
  private boolean terminated;

  /** Begins between two messages. */
  public FrontendTracker(RequestLedger ledger) {
    super(ledger);
  }

  /** Whether the client sent Terminate. */
  public boolean terminated() {
    return terminated;
  }

  @Override
  boolean message(byte messageType) {
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

  @Override
  boolean body(ByteBuf buffer, int index, int count) {
    return false;
  }
}
