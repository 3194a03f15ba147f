"""The pages of the leaderboard, a module a kind; each yields its pages from one :class:`reports.report.Report`."""
