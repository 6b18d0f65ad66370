"""Settings of nbgrader for this folder."""

c = get_config()  # noqa: F821

c.CourseDirectory.course_id = "gradients-by-hand"
c.ExecutePreprocessor.timeout = 30  # seconds for a cell
