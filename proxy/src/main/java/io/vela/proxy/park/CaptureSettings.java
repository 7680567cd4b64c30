package io.vela.proxy.park;

import io.vela.config.ParkPolicy.UnseenSettings;
import java.time.Duration;

/**
 * How a session is captured.
 *
 * @param unseenSettings what to do where custom settings may be that cannot be listed
 * @param patience for the backend's answers; then it is given up
 */
public record CaptureSettings(UnseenSettings unseenSettings, Duration patience) {}
