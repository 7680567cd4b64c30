package io.vela.proxy.wire;

/**
 * Counts what a client has asked for and the server has not yet answered: each Query, FunctionCall
 * and Sync brings exactly one ReadyForQuery, and an error in an extended query brings none of its
 * own, since the server then skips to the next Sync (section 54.2.3). Two rules bend that:
 *
 * <ul>
 *   <li>A Sync that the server reads in copy-in mode is ignored (section 54.2.6). libpq sends one
 *       after each Execute, also of a COPY, and another after CopyDone.
 *   <li>While the server skips to a Sync it drops Query and FunctionCall too.
 * </ul>
 *
 * <p>The first is followed exactly for clients that have one request in flight when the server asks
 * for copy data. Where a mixture leaves the count open, {@link #certain()} turns false: the relay
 * goes on, but nobody may conclude from this that the session is idle. It is certain again when all
 * requests that may count have been answered: a request that the server ignored would be missing
 * then, so there was none, and at that ReadyForQuery the server has read everything up to the last
 * of them. Where a request was in fact ignored this never comes, and neither does it once either
 * side has broken the framing.
 *
 * <p>One thread at a time; made anew for each backend.
 */
public final class RequestLedger {
  private boolean certain = true;
  private boolean broken;
  private long requests;
  private long ignored;
  private long answers;

  /** Of the requests, and of the ignored ones, those that perhaps are not. */
  private long doubtful;

  /** Whether the last request counted was a Sync. */
  private boolean lastWasSync;

  /** Whether a CopyDone or CopyFail came since the last request, or between the two last. */
  private boolean copyEndAfterLast;

  private boolean copyEndBeforeLast;

  /** Whether the server waits for copy data, as far as has been seen. */
  private boolean copyIn;

  /** Syncs that came in copy-in mode, and whether copy data came before it was announced. */
  private long syncsInCopy;

  private boolean earlyCopyData;

  /** Executes since the last Sync that counts, and whether nothing but copy data followed them. */
  private int executes;

  private boolean executedLast;

  /** Whether the last Sync followed one single Execute directly. */
  private boolean lastSyncWasPlain;

  /** Whether messages of an extended query came since the last Sync that counts. */
  private boolean extendedOpen;

  /** Whether messages of an extended query came since the last Sync, whether that counts or not. */
  private boolean extendedSinceSync;

  /** Whether the server skips to the next Sync, known for sure. */
  private boolean skipping;

  /** The number of the last Query or FunctionCall sent amid an extended query. */
  private long lastMixedRequest;

  /** Requests that wait for their ReadyForQuery; meaningless when not {@link #certain()}. */
  public long inFlight() {
    return requests - ignored - answers;
  }

  /** Requests ever sent. Never falls. */
  public long requests() {
    return requests;
  }

  /** Whether the count can be trusted. */
  public boolean certain() {
    return certain;
  }

  /** Whether the server has nothing to do for the client and the client owes nothing either. */
  public boolean idle() {
    return certain && inFlight() == 0 && !extendedOpen && !copyIn;
  }

  void queried() {
    if (copyIn || skipping) {
      certain = false;
    }
    request(false);
    if (extendedOpen) {
      lastMixedRequest = requests - ignored;
    }
  }

  void synced() {
    extendedSinceSync = false;
    if (copyIn) {
      syncsInCopy++;
      return;
    }
    request(true);
    lastSyncWasPlain = executes == 1 && executedLast;
    executes = 0;
    executedLast = false;
    extendedOpen = false;
    skipping = false;
  }

  void extended() {
    if (copyIn) {
      certain = false;
    }
    extendedOpen = true;
    extendedSinceSync = true;
    executedLast = false;
  }

  void executed() {
    extended();
    executes++;
    executedLast = true;
    copyEndAfterLast = false;
  }

  void copyData() {
    if (!copyIn && (extendedOpen || inFlight() > 0)) {
      earlyCopyData = true;
    }
  }

  void copyEnded() {
    if (copyIn) {
      copyIn = false;
    } else if (extendedOpen || inFlight() > 0) {
      // Sent ahead of the server's CopyInResponse. Else it comes too late for a copy that failed.
      copyEndAfterLast = true;
    }
  }

  void copyInBegan() {
    long pending = inFlight();
    if (pending > 1 || !copyIsPlain(pending)) {
      certain = false;
      return;
    }
    if (pending == 1 && lastWasSync) {
      if (copyEndBeforeLast) {
        copyEndBeforeLast = false;
        return;
      }
      if (earlyCopyData) {
        // Had the server failed on it already, the Sync would count.
        certain = false;
        doubtful++;
      }
      ignored++;
      extendedOpen = true;
    }
    copyIn = !copyEndAfterLast;
    copyEndAfterLast = false;
    syncsInCopy = 0;
    earlyCopyData = false;
  }

  /** Whether it is known which message began the copy, and nothing sent after it disturbs it. */
  private boolean copyIsPlain(long pending) {
    if (pending == 0) {
      return executes == 1 && executedLast;
    }
    return !extendedOpen && (!lastWasSync || lastSyncWasPlain);
  }

  /** A statement is complete, and with it a COPY: what came in copy-in mode was read in it. */
  void completed() {
    syncsInCopy = 0;
  }

  void failed() {
    if (syncsInCopy > 0) {
      // Those that the server had not read before it failed count.
      certain = false;
      requests += syncsInCopy;
      ignored += syncsInCopy;
      doubtful += syncsInCopy;
      syncsInCopy = 0;
    }
    copyIn = false;
    if (inFlight() == 0) {
      skipping = extendedOpen;
    } else if (lastMixedRequest > answers) {
      certain = false;
    }
  }

  void answered() {
    answers++;
    copyIn = false;
    if (inFlight() == 0 && !extendedOpen) {
      earlyCopyData = false;
    }
    if (inFlight() < 0) {
      certain = false;
    }
    if (!certain && !broken && requests - (ignored - doubtful) - answers == 0) {
      restore();
    }
  }

  /** Nothing is in flight, and all that was doubtful did count. */
  private void restore() {
    certain = true;
    ignored -= doubtful;
    doubtful = 0;
    skipping = false;
    lastMixedRequest = 0;
    extendedOpen = extendedSinceSync;
    // How a query under way began is not known: a copy in it is not taken for a plain one.
    executes = extendedOpen ? 2 : 0;
    executedLast = false;
    copyEndAfterLast &= extendedOpen;
    earlyCopyData &= extendedOpen;
  }

  void framingBroken() {
    certain = false;
    broken = true;
  }

  private void request(boolean sync) {
    requests++;
    lastWasSync = sync;
    copyEndBeforeLast = copyEndAfterLast;
    copyEndAfterLast = false;
  }
}
