package io.vela.proxy.wire;

import io.netty.buffer.ByteBuf;

/**
 * Follows what a server sends once its session is set up: the transaction status, COPY, and whether
 * the server has already told the client that it ends the connection.
 */
public final class BackendTracker extends FrameTracker {
  /** A COPY in progress, as far as the server has announced it. */
  public enum Copy {
    /** None. */
    NONE,
    /** From the client. */
    IN,
    /** To the client. */
    OUT,
    /** Both ways: replication. */
    BOTH
  }

  /** Where in an ErrorResponse the next byte stands. */
  private enum ErrorPart {
    FIELD_TYPE,
    SEVERITY,
    OTHER_FIELD
  }

  private final ClientTrace trace;
  private byte transactionStatus;
  private Copy copy = Copy.NONE;
  private boolean fatal;
  private ErrorPart errorPart = ErrorPart.FIELD_TYPE;

  /**
   * Begins between two messages, after the ReadyForQuery that ended the server's startup.
   *
   * @param transactionStatus what that ReadyForQuery said
   */
  public BackendTracker(RequestLedger ledger, byte transactionStatus) {
    this(ledger, new ClientTrace(Pings.NONE), transactionStatus);
  }

  /**
   * The same, for a client of whom something is kept.
   *
   * @param trace told what became of what the client said
   */
  public BackendTracker(RequestLedger ledger, ClientTrace trace, byte transactionStatus) {
    super(ledger);
    this.trace = trace;
    this.transactionStatus = transactionStatus;
  }

  /**
   * The last ReadyForQuery's status: {@code I} idle, {@code T} in a transaction, {@code E} failed.
   */
  public byte transactionStatus() {
    return transactionStatus;
  }

  /** The COPY in progress. */
  public Copy copy() {
    return copy;
  }

  /** Whether the server sent an ErrorResponse of severity FATAL or PANIC and no query since. */
  public boolean fatalTold() {
    return fatal;
  }

  @Override
  boolean message(byte messageType) {
    switch (messageType) {
      case BackendType.READY_FOR_QUERY -> {
        copy = Copy.NONE;
        fatal = false;
        ledger.answered();
        if (ledger.idle()) {
          trace.settled();
        }
        return true;
      }
      case BackendType.ERROR_RESPONSE -> {
        copy = Copy.NONE;
        fatal = false;
        errorPart = ErrorPart.FIELD_TYPE;
        ledger.failed();
        trace.failed();
        return true;
      }
      case BackendType.COPY_IN_RESPONSE -> {
        copy = Copy.IN;
        ledger.copyInBegan();
      }
      case BackendType.COPY_OUT_RESPONSE -> copy = Copy.OUT;
      case BackendType.COPY_BOTH_RESPONSE -> copy = Copy.BOTH;
      case BackendType.COMMAND_COMPLETE -> {
        copy = Copy.NONE;
        ledger.completed();
      }
      default -> {}
    }
    return false;
  }

  @Override
  boolean body(ByteBuf buffer, int index, int count) {
    if (lastType() == BackendType.READY_FOR_QUERY) {
      transactionStatus = buffer.getByte(index);
      return false;
    }
    return severity(buffer, index, count);
  }

  /** Looks for field V, the severity that is never translated; its first letter tells enough. */
  private boolean severity(ByteBuf buffer, int index, int count) {
    for (int i = index; i < index + count; i++) {
      byte value = buffer.getByte(i);
      switch (errorPart) {
        case FIELD_TYPE -> {
          if (value == 0) {
            return false;
          }
          errorPart = value == 'V' ? ErrorPart.SEVERITY : ErrorPart.OTHER_FIELD;
        }
        case SEVERITY -> {
          fatal = value == 'F' || value == 'P';
          return false;
        }
        case OTHER_FIELD -> {
          if (value == 0) {
            errorPart = ErrorPart.FIELD_TYPE;
          }
        }
      }
    }
    return true;
  }
}
