package io.vela.agent;

/**
 * The pool as measured.
 *
 * @param driver name of the driver in use
 * @param sharesBlocks whether a clone was measured to share its blocks with its snapshot
 * @param totalBytes size of the file system
 * @param freeBytes space that can still be written
 * @param note what a person should know: why this driver, what a clone costs
 * @param health whether it can be written
 */
public record PoolInfo(
    String driver,
    boolean sharesBlocks,
    long totalBytes,
    long freeBytes,
    String note,
    PoolHealth health) {
  /** Of a pool with which nothing is wrong. */
  public PoolInfo(
      String driver, boolean sharesBlocks, long totalBytes, long freeBytes, String note) {
    this(driver, sharesBlocks, totalBytes, freeBytes, note, PoolHealth.GOOD);
  }
}
