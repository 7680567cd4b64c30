package io.vela.router.branch;

import java.util.concurrent.Semaphore;

/** How many clones and starts may be at work at once: fair, and changeable while they are. */
public final class StartPermits extends Semaphore {
  private static final long serialVersionUID = 1L;

  private int size;

  public StartPermits(int size) {
    super(size, true);
    this.size = size;
  }

  /** From now on so many. What is at work goes on; more than so many may be until they end. */
  public synchronized void resize(int to) {
    if (to > size) {
      release(to - size);
    } else {
      reducePermits(size - to);
    }
    size = to;
  }
}
