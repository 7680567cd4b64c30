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
import java.nio.file.Path;

/** A folder that is open for calls of ioctl(2). Of one thread, which blocks in the kernel. */
final class OpenFolder implements AutoCloseable {
  /** {@code O_RDONLY | O_CLOEXEC | O_NONBLOCK}: a folder, and no program started gets it. */
  private static final int FLAGS = 0x80000 | 0x800;

  private static final StructLayout STATE = Linker.Option.captureStateLayout();
  private static final VarHandle ERRNO = STATE.varHandle(PathElement.groupElement("errno"));

  private static final MethodHandle OPEN =
      function("open", 2, ValueLayout.ADDRESS, ValueLayout.JAVA_INT);
  private static final MethodHandle IOCTL =
      function("ioctl", 2, ValueLayout.JAVA_INT, ValueLayout.JAVA_LONG, ValueLayout.ADDRESS);
  private static final MethodHandle CLOSE = function("close", 1, ValueLayout.JAVA_INT);

  private final Arena arena;
  private final MemorySegment state;
  private final int descriptor;

  private OpenFolder(Arena arena, MemorySegment state, int descriptor) {
    this.arena = arena;
    this.state = state;
    this.descriptor = descriptor;
  }

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
   * Opens a folder.
   *
   * @throws IOException with the system's error number
   */
  static OpenFolder open(Path folder) throws IOException {
    var arena = Arena.ofConfined();
    try {
      var state = arena.allocate(STATE);
      int descriptor = (int) OPEN.invokeExact(state, arena.allocateFrom(folder.toString()), FLAGS);
      if (descriptor < 0) {
        throw failed(folder + " could not be opened", state);
      }
      return new OpenFolder(arena, state, descriptor);
    } catch (IOException | RuntimeException | Error e) {
      arena.close();
      throw e;
    } catch (Throwable e) {
      arena.close();
      throw new IllegalStateException("a call of the system threw", e);
    }
  }

  int descriptor() {
    return descriptor;
  }

  /** Memory for an argument, which lives as long as this. */
  MemorySegment argument(long bytes) {
    return arena.allocate(bytes, Long.BYTES);
  }

  /**
   * Makes one call.
   *
   * @param failure what it means that the call failed
   * @throws IOException with the system's error number
   */
  void ioctl(long request, MemorySegment argument, String failure) throws IOException {
    try {
      if ((int) IOCTL.invokeExact(state, descriptor, request, argument) < 0) {
        throw failed(failure, state);
      }
    } catch (IOException | RuntimeException | Error e) {
      throw e;
    } catch (Throwable e) {
      throw new IllegalStateException("a call of the system threw", e);
    }
  }

  @Override
  public void close() {
    try (arena) {
      var _ = (int) CLOSE.invokeExact(state, descriptor);
    } catch (RuntimeException | Error e) {
      throw e;
    } catch (Throwable e) {
      throw new IllegalStateException("a call of the system threw", e);
    }
  }

  private static IOException failed(String what, MemorySegment state) {
    return new IOException("%s: error %d".formatted(what, (int) ERRNO.get(state, 0L)));
  }
}
