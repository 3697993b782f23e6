"""The solid body of a car: a lower shell wrapped round an outline, a bonnet and a boot lid, a cabin and a roof."""

from __future__ import annotations

import numpy as np

from vae_core.training.cars.camera import Points
from vae_core.training.cars.params import CarParams

# how far the skin lies inside the outline (metres) by share of height: the side with its sill, door and shoulder; an
# upright front and a sloping one, each with its lip, its bumper and the edge of the bonnet
_SIDE_INSET = ((0.0, 0.09), (0.10, 0.045), (0.22, 0.012), (0.36, 0.004), (0.52, 0.0), (0.66, 0.003), (0.80, 0.008),
               (0.90, 0.024), (0.96, 0.05), (1.0, 0.095))  # fmt: skip
_UPRIGHT_INSET = ((0.0, 0.10), (0.12, 0.045), (0.24, 0.012), (0.38, 0.0), (0.52, 0.004), (0.64, 0.012), (0.78, 0.022),
                  (0.90, 0.036), (0.96, 0.060), (1.0, 0.13))  # fmt: skip
_SLOPING_INSET = ((0.0, 0.09), (0.12, 0.040), (0.24, 0.008), (0.38, 0.0), (0.52, 0.012), (0.64, 0.045), (0.78, 0.095),
                  (0.90, 0.16), (0.96, 0.21), (1.0, 0.29))  # fmt: skip
_BUMPER_TOP = 0.50  # share of height
_CABIN_POWER = 7.0
_PILLAR = 0.906  # where the windscreen meets the side: both shares are 2 ** (-1 / 7) there
_ROOF_CROWN_M = 0.085
_COLUMNS = 110


class Body:
    """The surfaces of one car in metres; see `CarParams` for the axes. Grids are (rows, columns, 3).

    `s` is the arc length along the outline seen from above: 0 in the middle of the front, positive to the near side.
    """

    def __init__(self, params: CarParams) -> None:
        self.params = params
        self.half_width = params.width_m / 2
        angle = np.linspace(-np.pi, np.pi, 1441)
        power = 2.0 / params.plan_power
        half = params.length_m / 2
        x = half - half * np.sign(np.cos(angle)) * np.abs(np.cos(angle)) ** power
        y = self.half_width * np.sign(np.sin(angle)) * np.abs(np.sin(angle)) ** power
        along = np.concatenate([[0.0], np.cumsum(np.hypot(np.diff(x), np.diff(y)))])
        self.s = np.linspace(-along[-1] / 2, along[-1] / 2, 4 * _COLUMNS + 1)
        self.x = np.interp(self.s, along - along[-1] / 2, x)
        self.y = np.interp(self.s, along - along[-1] / 2, y)
        tangent = np.stack([np.gradient(self.x), np.gradient(self.y)], axis=-1)
        tangent /= np.linalg.norm(tangent, axis=-1, keepdims=True)
        self.out_x, self.out_y = -tangent[:, 1], tangent[:, 0]
        self._heights = np.linspace(0.0, 1.0, 129)
        self._side_inset = _smoothed(self._heights, _SIDE_INSET, 9) + _creases(self._heights, params)
        self._front_inset = _front(self._heights, params)
        self._near = np.flatnonzero((self.s >= 0) & (self.y >= 0))
        self._ahead = np.flatnonzero(self.x < half)
        self.cowl_x = params.cowl_frac * params.length_m
        self.front_axle_x = params.front_overhang_m
        self.rear_axle_x = params.front_overhang_m + params.wheelbase_frac * params.length_m
        # everything that depends on the place along the outline alone is worked out once
        self._low, self._high, self._flared = self.bottom_z(self.x), self.top_z(self.x), self._flare()
        self._flare_window = np.clip(self._heights * 4.0, 0.0, 1.0) * np.clip((0.86 - self._heights) * 5.0, 0.0, 1.0)

    def s_at_x(self, x: float) -> float:
        """Arc length of the point of the near side at this x, from the front corner to the rear corner."""
        return float(np.interp(x, self.x[self._near], self.s[self._near]))

    def on_side(self, points: Points, lift_m: float = 0.004) -> Points:
        """Points (N, 3) of the near side at pairs (N, 2) of x and z."""
        s = np.interp(points[:, 0], self.x[self._near], self.s[self._near])
        return self.skin(s, points[:, 1], lift_m)

    def s_at_y(self, y: float) -> float:
        """Arc length of the point of the front at this y; exact up to the corners."""
        return float(np.interp(y, self.y[self._ahead], self.s[self._ahead]))

    def top_z(self, x: Points) -> Points:
        """Height of the upper edge of the lower shell: the bonnet's edge, then the windows' lower edge."""
        p = self.params
        bonnet = np.clip(x / self.cowl_x, 0.0, 1.0)
        rear = np.clip((x - self.cowl_x) / (p.length_m - self.cowl_x), 0.0, 1.0)
        arched = p.nose_z_m + (p.cowl_z_m - p.nose_z_m) * (0.5 * bonnet + 0.5 * np.sin(bonnet * np.pi / 2))
        tail = 0.05 * np.clip((x - 0.93 * p.length_m) / (0.07 * p.length_m), 0.0, 1.0) ** 2
        return np.asarray(arched + p.belt_rise_m * rear - tail)

    def bottom_z(self, x: Points) -> Points:
        """Height of the lower edge of the lower shell."""
        rise = np.clip(1.0 - x / (0.8 * self.params.front_overhang_m), 0.0, 1.0)
        return np.asarray(self.params.clearance_m + 0.015 * rise)

    def skin(self, s: Points, z: Points, lift_m: float = 0.004) -> Points:
        """Points (..., 3) of the lower shell at arc length s and height z, lifted off it by a little."""
        base_x, base_y = np.interp(s, self.s, self.x), np.interp(s, self.s, self.y)
        low, high = np.interp(s, self.s, self._low), np.interp(s, self.s, self._high)
        share = np.clip((z - low) / (high - low), 0.0, 1.0)
        out_x, out_y = np.interp(s, self.s, self.out_x), np.interp(s, self.s, self.out_y)
        ahead = np.clip(-out_x, 0.0, 1.0) ** 2
        side = np.interp(share, self._heights, self._side_inset)
        side = side - np.interp(s, self.s, self._flared) * np.interp(share, self._heights, self._flare_window)
        inset = side + ahead * (np.interp(share, self._heights, self._front_inset) - side) - lift_m
        return np.stack([base_x - out_x * inset, base_y - out_y * inset, z + 0.0 * s], axis=-1)

    def _flare(self) -> Points:
        """How far the wings stand out over the wheels, along the outline."""
        reach = 0.72 * self.params.wheel_diameter_m
        front, rear = (self.x - self.front_axle_x) / reach, (self.x - self.rear_axle_x) / reach
        along = np.clip(1.0 - front * front, 0.0, 1.0) + np.clip(1.0 - rear * rear, 0.0, 1.0)
        return np.asarray(self.params.flare_m * along * (2.0 - along))

    def shell(self, rows: int = 25, columns: int = 96) -> Points:
        """The lower shell from the far front corner round the front and the near side to the rear corner."""
        s = self._dense_at_corners(-self.half_width - 0.6, self.s_at_x(self.params.length_m * 0.999), columns)
        x = np.interp(s, self.s, self.x)
        low, high = self.bottom_z(x), self.top_z(x)
        share = self._rows_at_creases(rows)[:, None]
        return self.skin(np.broadcast_to(s, (rows, columns)), low + share * (high - low), 0.0)

    def _rows_at_creases(self, rows: int) -> Points:
        """Shares of height from 0 to 1, closer together where a line runs along the side or over the bumper."""
        lines = (self.params.shoulder_frac, 0.24, _BUMPER_TOP)
        density = 1.0 + 1.2 * (self._heights > 0.88)
        for line in lines:
            density += 1.6 * np.exp(-(((self._heights - line) / 0.035) ** 2))
        weight = np.cumsum(density)
        return np.interp(np.linspace(weight[0], weight[-1], rows), weight, self._heights)

    def _dense_at_corners(self, first: float, last: float, columns: int) -> Points:
        """Arc lengths from first to last, closer together where the outline bends, so that no facet shows."""
        bend = np.hypot(np.gradient(self.out_x), np.gradient(self.out_y))
        weight = np.cumsum(np.gradient(self.s) * 0.5 + bend)
        ends = np.interp([first, last], self.s, weight)
        return np.interp(np.linspace(ends[0], ends[1], columns), weight, self.s)

    def bonnet_edge(self, share: float, points: int = 16) -> Points:
        """The gap (points, 3) between bonnet and wing, at this share of the half width, from nose to windscreen."""
        s = np.linspace(self.s_at_y(self.half_width * 0.80), self.s_at_x(self.cowl_x * 0.96), points)
        edge = self.skin(s, self.top_z(np.interp(s, self.s, self.x)), 0.0)
        crown = float(self._crown(np.array([share]))[0])
        edge[:, 1] *= share
        edge[:, 2] += crown * np.clip(edge[:, 0] / 0.4, 0, 1) + 0.004
        return edge

    def deck(self, rows: int = 48, columns: int = 22) -> Points:
        """Bonnet, cabin floor line and boot lid in one: the sheet between the shell's upper edges."""
        s = np.linspace(0.02, self.s_at_x(self.params.length_m * 0.999), rows)
        edge = self.skin(s, self.top_z(np.interp(s, self.s, self.x)), 0.0)
        u = np.linspace(-1.0, 1.0, columns)
        grid = np.empty((rows, columns, 3))
        grid[..., 0] = edge[:, None, 0]
        grid[..., 1] = edge[:, None, 1] * u
        # the crown grows from nothing at the bonnet's edge, so that the sheet closes with the shell
        grown = np.clip((edge[:, 0] - edge[0, 0]) / 0.45, 0.0, 1.0)
        grid[..., 2] = edge[:, None, 2] + (grown * grown * (3.0 - 2.0 * grown))[:, None] * self._crown(u)
        return grid

    def _crown(self, u: Points) -> Points:
        """How much higher the deck is at share u of the half width than at its edge, with two ridges."""
        ridges = 0.020 * self.params.crease * np.exp(-(((np.abs(u) - 0.62) / 0.13) ** 2))
        return np.asarray(self.params.bonnet_crown_m * (1.0 - u * u) + ridges)

    def cabin_side(self, f: Points, w: Points, lift_m: float = 0.004) -> Points:
        """Points of the cabin's near side: f from -1 (windscreen) to 1 (rear glass), w from 0 (belt) to 1 (roof)."""
        g = (1.0 - np.abs(f) ** _CABIN_POWER) ** (1.0 / _CABIN_POWER)
        return self._cabin(f, g, w, lift_m)

    def cabin_front(self, g: Points, w: Points, lift_m: float = 0.004) -> Points:
        """Points of the windscreen: g from -1 (far) to 1 (near), w from 0 (bonnet) to 1 (roof)."""
        f = -((1.0 - np.abs(g) ** _CABIN_POWER) ** (1.0 / _CABIN_POWER))
        return self._cabin(f, g, w, lift_m)

    def _cabin(self, f: Points, g: Points, w: Points, lift_m: float) -> Points:
        """Points on the loft between the outline at the belt and the outline of the roof."""
        p = self.params
        belt_half, roof_half = self.half_width - 0.095, self.half_width - 0.095 - p.tumblehome_m
        ends = np.array([p.cowl_frac, p.roof_front_frac, p.roof_rear_frac, p.glass_rear_frac]) * p.length_m
        bow = 0.19 * np.clip(-f, 0.0, 1.0) ** 4 * (1.0 - g**2)
        belt_x = (ends[0] + ends[3]) / 2 + (ends[3] - ends[0]) / 2 * f - bow
        roof_x = (ends[1] + ends[2]) / 2 + (ends[2] - ends[1]) / 2 * f - bow
        belt_z = self.top_z(belt_x) + self._crown(np.clip(g * belt_half / (self.half_width - 0.1), -1.0, 1.0)) - 0.02
        swell = 4.0 * w * (1.0 - w)
        x = belt_x + (roof_x - belt_x) * w + (0.03 * np.clip(np.abs(f), 0, 1) ** 4 * swell + lift_m) * np.sign(f)
        y = (belt_half + (roof_half - belt_half) * w + 0.025 * swell) * g + lift_m * np.sign(g)
        return np.stack([x, y, belt_z + (self._roof_z(f, g) - belt_z) * w], axis=-1)

    def _roof_z(self, f: Points, g: Points) -> Points:
        """Height of the roof at shares f of its half length and g of its half width."""
        fall = 0.045 * np.clip(-f, 0, 1) ** 2 + self.params.roof_drop_m * np.clip(f, 0, 1) ** 2
        return np.asarray(self.params.height_m - fall - _ROOF_CROWN_M * np.abs(g) ** 2.2)

    def cabin(self, rows: int = 10) -> Points:
        """Windscreen, front pillars and near side of the cabin, from the far edge round to the rear."""
        g = np.sin(np.linspace(-np.pi / 2, np.pi / 2, 25))[:-1]
        f = np.sin(np.linspace(-np.pi / 2, np.pi / 2, 29))[1:]
        split_g = g[g < _PILLAR]
        split_f = f[f > -_PILLAR]
        w = np.linspace(0.0, 1.0, rows)[:, None]
        front = self.cabin_front(np.broadcast_to(split_g, (rows, len(split_g))), w, 0.0)
        side = self.cabin_side(np.broadcast_to(split_f, (rows, len(split_f))), w, 0.0)
        return np.concatenate([front, side], axis=1)

    def roof(self, rows: int = 20, columns: int = 13) -> Points:
        """The roof between its edges, which windscreen and sides share."""
        f = np.sin(np.linspace(-np.pi / 2, np.pi / 2, rows))[:, None]
        g = (1.0 - np.abs(f) ** _CABIN_POWER) ** (1.0 / _CABIN_POWER)
        u = np.linspace(-1.0, 1.0, columns)
        return self._cabin(f + 0.0 * u, g * u, np.ones((rows, columns)), 0.0)


def _smoothed(heights: Points, knots: tuple[tuple[float, float], ...], width: int) -> Points:
    """The broken line through the knots, its corners rounded so that highlights do not jump."""
    line = np.interp(heights, [share for share, _ in knots], [inset for _, inset in knots])
    padded = np.pad(line, width // 2, mode="edge")
    return np.convolve(padded, np.ones(width) / width, mode="valid")


def _creases(heights: Points, params: CarParams) -> Points:
    """The pressed lines of the side: a shoulder that overhangs the doors, and a hollow above the sill."""
    under = params.shoulder_frac - heights
    hollow = np.where(under > 0, np.exp(-((under / 0.13) ** 2)), np.exp(-((under / 0.025) ** 2)))
    below = (0.26 - heights) / 0.06
    return np.asarray(params.crease * (0.017 * hollow + 0.014 * np.exp(-below * below)))


def _front(heights: Points, params: CarParams) -> Points:
    """The profile of the face: between upright and sloping, with the bumper standing out before the grille."""
    slope = params.nose_slope
    face = (1.0 - slope) * _smoothed(heights, _UPRIGHT_INSET, 9) + slope * _smoothed(heights, _SLOPING_INSET, 9)
    share = np.clip((heights - _BUMPER_TOP + 0.03) / 0.06, 0.0, 1.0)
    return np.asarray(face + params.bumper_m * (share * share * (3.0 - 2.0 * share)))
