# Import the library
from pytci import PyTCI

# Create an instance and set the access token
tci = PyTCI("localhost", 8080)
tci.set_access_token("<token generated via web interface>")

# Retrieve the list of existing jobs and print their names
existing_jobs = tci.get_jobs()
for job in existing_jobs:
    print(job.name)

# Create a new capture job
new_job = tci.create_job(
    name="My new job!",
    duration=10,
    max_capture_data=50_000,
    lines=["CaptureLine1"],
    filter='',
    script_name=None,
    script_args=None
)

# Get information about the created job and print its status
new_job_info = tci.get_job_status(new_job.id)
print(new_job_info.status)
