package io.vela.agent.file;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * Adds up the extents of plain files ({@code FS_IOC_FIEMAP}; Linux documentation,
 * filesystems/fiemap). What the file system has accepted and not placed yet is an extent as well,
 * without which who writes fast would be seen seconds later. One thread.
 */
final class ExtentTally implements AutoCloseable {
  private static final long MAP_EXTENTS = 0xc020_660bL;

  /** The fields of {@code struct fiemap}, then the extents. */
  private static final long LENGTH_AT = 8;

  private static final long FLAGS_AT = 16;
  private static final long MAPPED_AT = 20;
  private static final long COUNT_AT = 24;
  private static final long EXTENTS_AT = 32;

  /** The fields of {@code struct fiemap_extent}. */
  private static final long EXTENT_BYTES = 56;

  private static final long EXTENT_LENGTH_AT = 16;
  private static final long EXTENT_FLAGS_AT = 40;
  private static final int LAST = 0x1;
  private static final int SHARED = 0x2000;

  private static final int AT_ONCE = 512;

  private final SystemCalls calls = new SystemCalls();
  private final MemorySegment map = calls.buffer(EXTENTS_AT + AT_ONCE * EXTENT_BYTES);
  private long bytes;
  private long exclusiveBytes;

  /**
   * Adds those of a file.
   *
   * @param file a plain file, opened to be read
   */
  void add(Descriptor file) throws IOException {
    long from = 0;
    while (from >= 0) {
      map.set(ValueLayout.JAVA_LONG, 0, from);
      map.set(ValueLayout.JAVA_LONG, LENGTH_AT, Long.MAX_VALUE - from);
      map.set(ValueLayout.JAVA_INT, FLAGS_AT, 0);
      map.set(ValueLayout.JAVA_INT, MAPPED_AT, 0);
      map.set(ValueLayout.JAVA_INT, COUNT_AT, AT_ONCE);
      file.control(calls, MAP_EXTENTS, map);
      from = addMapped(map.get(ValueLayout.JAVA_INT, MAPPED_AT));
    }
  }

  /**
   * @return where the next extent may begin; negative when there is none
   */
  private long addMapped(int mapped) {
    long next = -1;
    for (int i = 0; i < mapped; i++) {
      var extent = map.asSlice(EXTENTS_AT + i * EXTENT_BYTES, EXTENT_BYTES);
      long length = extent.get(ValueLayout.JAVA_LONG, EXTENT_LENGTH_AT);
      int flags = extent.get(ValueLayout.JAVA_INT, EXTENT_FLAGS_AT);
      bytes += length;
      if ((flags & SHARED) == 0) {
        exclusiveBytes += length;
      }
      next = (flags & LAST) != 0 ? -1 : extent.get(ValueLayout.JAVA_LONG, 0) + length;
    }
    return next;
  }

  BlockUsage usage() {
    return new BlockUsage(bytes, exclusiveBytes);
  }

  @Override
  public void close() {
    calls.close();
  }
}
