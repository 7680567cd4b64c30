package io.vela.agent.storage.driver;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout.PathElement;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.VarHandle;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;

/**
 * {@code BTRFS_IOC_SNAP_CREATE_V2} (Linux source, {@code include/uapi/linux/btrfs.h}): the call
 * that {@code btrfs subvolume snapshot} makes, without starting a program for it. Whoever connects
 * to a new branch waits for this.
 */
final class SnapshotIoctl {
  /** {@code _IOW(0x94, 23, struct btrfs_ioctl_vol_args_v2)}: the same on x86-64 and aarch64. */
  private static final long SNAP_CREATE_V2 = 0x5000_9417L;

  private static final long READ_ONLY = 2;

  /** {@code struct btrfs_ioctl_vol_args_v2}: fd, transid, flags, unused, the name at its end. */
  private static final long ARGUMENTS_BYTES = 4096;

  private static final long FLAGS_AT = 16;
  private static final long NAME_AT = 56;
  private static final int LONGEST_NAME = 255;

  /** {@code O_RDONLY | O_CLOEXEC | O_NONBLOCK}: a folder, and no program started gets it. */
  private static final int OPEN_FOLDER = 0x80000 | 0x800;

  private static final StructLayout STATE = Linker.Option.captureStateLayout();
  private static final VarHandle ERRNO = STATE.varHandle(PathElement.groupElement("errno"));

  private static final MethodHandle OPEN =
      function("open", 2, ValueLayout.ADDRESS, ValueLayout.JAVA_INT);
  private static final MethodHandle IOCTL =
      function("ioctl", 2, ValueLayout.JAVA_INT, ValueLayout.JAVA_LONG, ValueLayout.ADDRESS);
  private static final MethodHandle CLOSE = function("close", 1, ValueLayout.JAVA_INT);

  private SnapshotIoctl() {}

  @SuppressWarnings("restricted") // --enable-native-access is given to all of Vela
  private static MethodHandle function(String name, int fixed, ValueLayout... arguments) {
    var linker = Linker.nativeLinker();
    var type = FunctionDescriptor.of(ValueLayout.JAVA_INT, arguments);
    var errno = Linker.Option.captureCallState("errno");
    var address = linker.defaultLookup().findOrThrow(name);
    return fixed < arguments.length
        ? linker.downcallHandle(address, type, errno, Linker.Option.firstVariadicArg(fixed))
        : linker.downcallHandle(address, type, errno);
  }

  /**
   * Makes a snapshot of a subvolume. Blocks its thread in the kernel until it is on disk.
   *
   * @param target what it becomes: a name that is not there yet in a folder that is
   * @throws IOException with the system's error number
   */
  static void create(Path source, Path target, boolean readOnly) throws IOException {
    var name = String.valueOf(target.getFileName()).getBytes(StandardCharsets.UTF_8);
    if (name.length > LONGEST_NAME) {
      throw new IOException("the name is too long: " + target);
    }
    try (var arena = Arena.ofConfined()) {
      var state = arena.allocate(STATE);
      int from = opened(arena, state, source);
      try {
        int folder = opened(arena, state, target.toAbsolutePath().resolveSibling("."));
        try {
          var arguments = arena.allocate(ARGUMENTS_BYTES, Long.BYTES);
          arguments.set(ValueLayout.JAVA_LONG, 0, from);
          arguments.set(ValueLayout.JAVA_LONG, FLAGS_AT, readOnly ? READ_ONLY : 0);
          MemorySegment.copy(name, 0, arguments, ValueLayout.JAVA_BYTE, NAME_AT, name.length);
          if ((int) IOCTL.invokeExact(state, folder, SNAP_CREATE_V2, arguments) < 0) {
            throw failed("btrfs could not snapshot " + source + " as " + target, state);
          }
        } finally {
          close(state, folder);
        }
      } finally {
        close(state, from);
      }
    } catch (IOException | RuntimeException | Error e) {
      throw e;
    } catch (Throwable e) {
      throw new IllegalStateException("a call of the system threw", e);
    }
  }

  private static int opened(Arena arena, MemorySegment state, Path folder) throws Throwable {
    var path = arena.allocateFrom(folder.toString());
    int descriptor = (int) OPEN.invokeExact(state, path, OPEN_FOLDER);
    if (descriptor < 0) {
      throw failed(folder + " could not be opened", state);
    }
    return descriptor;
  }

  private static void close(MemorySegment state, int descriptor) throws Throwable {
    var _ = (int) CLOSE.invokeExact(state, descriptor);
  }

  private static IOException failed(String what, MemorySegment state) {
    return new IOException("%s: error %d".formatted(what, (int) ERRNO.get(state, 0L)));
  }
}
